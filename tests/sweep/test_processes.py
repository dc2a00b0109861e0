from __future__ import annotations

import multiprocessing

import pytest

from planner.pipeline import SolveSettings
from planner.sweep.assignments import read_variables
from planner.sweep.design import points_of
from planner.sweep.processes import solve_in_processes
from planner.sweep.tasks import tasks_of
from tests.sweep.world import RATE


@pytest.fixture
def tasks(day):
    points = points_of("grid", read_variables([f"{RATE}=5,10,15,20"], ranges=False))
    return tasks_of(day, points, (), SolveSettings(compare=False))


def test_a_worker_that_is_ended_fails_its_own_run_and_no_other(tasks):
    answers = {}

    def take(number, answer):
        answers[number] = answer.outcome
        if len(answers) == 1:
            (worker,) = multiprocessing.active_children()
            worker.kill()
            worker.join()

    solve_in_processes(tasks.tasks, tasks.catalogs, 1, take)

    failed = [out for out in answers.values() if out.status == "failed"]
    assert sorted(answers) == [0, 1, 2, 3]
    assert [out.status_reason for out in failed] == ["the process that solved it was ended"]
    assert multiprocessing.active_children() == []


def test_workers_are_ended_when_the_answers_cannot_be_taken(tasks):
    def refuse(_number, _answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve_in_processes(tasks.tasks, tasks.catalogs, 2, refuse)

    assert multiprocessing.active_children() == []

"""A run that begins from an earlier plan says where demand has fallen back by mistake."""

from __future__ import annotations

import pytest

from planner.preparation import prepare
from tests.finance.budget import solve

NEXT = "horizon.start=2027-04"


@pytest.fixture(scope="module")
def first(folder):
    _, text = solve(folder)
    path = folder / "first.json"
    path.write_text(text, encoding="utf-8")
    return path


def notes(folder, first, *assignments):
    ready = prepare(folder / "budget.yaml", None, assignments, incumbent=first)
    return [text for text in ready.options.warnings if "what has grown" in text]


def test_the_same_rate_and_growth_from_a_later_start_are_noted(folder, first):
    (note,) = notes(folder, first, NEXT)

    assert note == (
        "chat: rates and growth are as in first.json, whose horizon begins 2027-01; they count "
        "from the start of each horizon, so what has grown until 2027-04 is left out. State the "
        "rates of 2027-04"
    )


@pytest.mark.parametrize(
    "assignments",
    [
        (),
        (NEXT, "workloads.chat.arrival.mean_rate_rps=24"),
        (NEXT, "workloads.chat.growth_per_period=1.21"),
        (NEXT, "workloads.chat.growth_per_period=1.0"),
    ],
)
def test_what_begins_when_it_did_or_is_stated_anew_is_not(folder, first, assignments):
    assert notes(folder, first, *assignments) == []


def test_what_an_earlier_run_changed_counts(folder):
    _, text = solve(folder, ["workloads.chat.arrival.mean_rate_rps=24"])
    path = folder / "changed.json"
    path.write_text(text, encoding="utf-8")

    assert notes(folder, path, NEXT) == []
    assert len(notes(folder, path, NEXT, "workloads.chat.arrival.mean_rate_rps=24")) == 1

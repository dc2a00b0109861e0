"""Moves of parameters, and the names that they go by."""

import math

import pytest

from planner.catalog.load import load_catalog
from planner.evaluate.calibration.moves import MOVES, factors_of, field_of, freed, moved
from planner.evaluate.cases import CaseBuilder
from planner.evaluate.names import names_of
from planner.evaluate.runs import run_of
from planner.perf.spec import StepParameters
from tests.evaluate.calibrate.toy import world
from tests.evaluate.rows import measured


@pytest.fixture(scope="module")
def case():
    return CaseBuilder(world(), names_of(world())).case(run_of(measured()))


def test_every_parameter_is_in_the_shipped_table_and_in_the_model():
    stated = {row.parameter for row in load_catalog().calibration}
    names = [name for move in MOVES for name in move.parameters]

    assert set(names) <= stated
    assert len(names) == len(set(names))
    fields = StepParameters.__dataclass_fields__
    assert all(field_of(name) in fields for name in names if name != "throughput_factor")


@pytest.mark.parametrize(
    ("points", "names"),
    [
        (2, ["time", "overhead", "request"]),
        (3, ["time", "overhead", "request"]),
        (4, ["time", "overhead", "request", "launch", "bandwidth"]),
        (6, ["time", "overhead", "request", "launch", "bandwidth", "compute"]),
        (8, ["time", "overhead", "request", "launch", "bandwidth", "compute", "prefill"]),
    ],
)
def test_more_points_free_more(points, names):
    assert [move.name for move in freed(points, True, 0.2)] == names


def test_the_time_of_a_request_needs_times_to_first_token():
    assert [move.name for move in freed(2, False, 0.2)] == ["time", "overhead"]


def test_the_common_factor_has_the_prior_that_it_is_given():
    assert freed(2, False, 0.17)[0].prior_ln == 0.17


def test_slower_times_are_a_smaller_share_of_the_speed(case):
    (time,) = (move for move in MOVES if move.name == "time")

    slower = moved(case, [time], [math.log(1.3)])

    assert slower.trust.throughput_factor == pytest.approx(case.trust.throughput_factor / 1.3)
    assert slower.spec == case.spec


def test_other_moves_multiply_their_parameters(case):
    moves = [move for move in MOVES if move.name in {"overhead", "bandwidth"}]

    found = moved(case, moves, [math.log(2), math.log(0.5)]).spec.parameters

    before = case.spec.parameters
    assert found.c_layer_s == pytest.approx(2 * before.c_layer_s)
    assert found.c_step_s == pytest.approx(2 * before.c_step_s)
    assert found.e_m == pytest.approx(0.5 * before.e_m)
    assert (found.e_c, found.t_req_s) == (before.e_c, before.t_req_s)


def test_nothing_moved_is_the_same_replica(case):
    assert moved(case, (), ()).spec == case.spec


def test_factors_go_by_parameter():
    (request,) = (move for move in MOVES if move.name == "request")

    assert factors_of([request], [math.log(1.5)]) == {
        "t_req_ms": pytest.approx(1.5),
        "c_first_us": pytest.approx(1.5),
    }


@pytest.mark.parametrize("move", MOVES, ids=lambda m: m.name)
def test_no_move_goes_far(move):
    assert 0.5 < math.exp(move.most_ln) <= 5 + 1e-9

"""Spread by hand."""

from types import SimpleNamespace

import pytest

from planner.evaluate.calibration.spread import folds_of, provenance_of, sigma_ln_time


def combination(is_moe=False, *kinds):
    spec = SimpleNamespace(architecture=SimpleNamespace(is_moe=is_moe))
    case = SimpleNamespace(spec=spec)
    runs = [SimpleNamespace(load=SimpleNamespace(kind=kind)) for kind in kinds or ["closed"]]
    return SimpleNamespace(points=[SimpleNamespace(case=case, run=run) for run in runs])


@pytest.mark.parametrize(
    ("is_moe", "kinds", "sigma"),
    [
        (False, ["closed"], 0.12),
        (True, ["closed"], 0.18),
        (False, ["static", "max_load"], 0.2),
        (True, ["static"], 0.2),
        (False, ["static", "closed"], 0.12),
    ],
)
def test_two_points_leave_what_was_seen_elsewhere(is_moe, kinds, sigma):
    assert sigma_ln_time(combination(is_moe, *kinds), []) == pytest.approx(sigma)


def test_errors_of_more_points_enter_with_four_points_of_prior():
    """(4 x 0.12^2 + 2 x 0.2^2) / 6 = 0.02293."""
    assert sigma_ln_time(combination(), [0.2, -0.2]) == pytest.approx(0.15144, abs=1e-5)


def test_points_that_agree_do_not_promise_more_than_the_floor():
    assert sigma_ln_time(combination(), [0.0] * 50) == 0.08


def test_a_stray_point_counts_for_three_widths():
    """(4 x 0.12^2 + 0.36^2) / 11 = 0.01702."""
    assert sigma_ln_time(combination(), [5.0, *[0.0] * 6]) == pytest.approx(0.13045, abs=1e-5)


@pytest.mark.parametrize(
    ("points", "word"), [(2, "two_point"), (3, "two_point"), (4, "calibrated"), (90, "calibrated")]
)
def test_provenance(points, word):
    assert provenance_of(points) == word


def test_two_points_cannot_be_left_out():
    assert folds_of([1, 2]) == []


def test_few_points_are_left_out_one_by_one_and_many_in_groups():
    assert folds_of([1, 2, 3]) == [[0], [1], [2]]
    groups = folds_of(list(range(45)))
    assert len(groups) == 20
    assert sorted(i for group in groups for i in group) == list(range(45))
    assert {len(group) for group in groups} == {2, 3}

"""Periods, blocks and discount factors by hand."""

from __future__ import annotations

import datetime as dt
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.grid import time_grid
from planner.problem.schema import Problem


def problem(periods=1, months=3, blocks=24, rate=0.08, start="2027-01"):
    return Problem.model_validate(
        {
            "schema_version": 1,
            "name": "p",
            "horizon": {"start": start, "periods": periods, "months_per_period": months},
            "time_blocks": blocks,
            "finance": {"discount_rate_per_year": rate},
            "workloads": [{"name": "w", "arrival": {"requests_per_day": 1}}],
        }
    )


def test_a_quarter_is_2190_hours():
    assert time_grid(problem(months=3)).period_h == 2190.0


def test_a_year_of_months_is_8760_hours():
    grid = time_grid(problem(periods=12, months=1))

    assert grid.period_h * grid.periods == 8760.0


def test_a_month_has_a_twelfth_of_a_year_of_days():
    assert time_grid(problem(months=1)).days_per_period == pytest.approx(365 / 12)


@pytest.mark.parametrize(("blocks", "hours"), [(1, 24), (4, 6), (6, 4), (8, 3), (12, 2), (24, 1)])
def test_blocks_divide_the_day_equally(blocks, hours):
    assert time_grid(problem(blocks=blocks)).block_h == hours


def test_hours_of_the_blocks_sum_to_the_period():
    grid = time_grid(problem(blocks=8))

    assert sum(grid.hours_in_period(b) for b in range(8)) == pytest.approx(grid.period_h)


def test_first_year_of_quarters_is_discounted_at_mid_period():
    factors = time_grid(problem(periods=4, months=3, rate=0.10)).discount_factor

    # Middle of the quarters: 1/8, 3/8, 5/8 and 7/8 of a year.
    assert factors == pytest.approx([1.1**-0.125, 1.1**-0.375, 1.1**-0.625, 1.1**-0.875])


def test_one_year_at_eight_percent_is_discounted_by_half_a_year():
    (factor,) = time_grid(problem(periods=1, months=12, rate=0.08)).discount_factor

    assert factor == pytest.approx(0.9622504486)


def test_rate_zero_discounts_nothing():
    assert time_grid(problem(periods=3, rate=0.0)).discount_factor == (1.0, 1.0, 1.0)


def test_periods_start_on_the_first_of_their_month_across_years():
    starts = time_grid(problem(periods=4, months=5, start="2027-11")).period_start

    assert starts == (
        dt.date(2027, 11, 1),
        dt.date(2028, 4, 1),
        dt.date(2028, 9, 1),
        dt.date(2029, 2, 1),
    )


def test_the_last_month_that_is_accepted_can_be_planned_for_twenty_years():
    starts = time_grid(problem(periods=20, months=12, start="2099-12")).period_start

    assert starts[-1] == dt.date(2118, 12, 1)


@given(
    periods=st.integers(1, 20),
    months=st.integers(1, 12),
    rate=st.floats(0.0, 1.0, allow_nan=False),
)
def test_later_money_is_never_worth_more(periods, months, rate):
    factors = time_grid(problem(periods=periods, months=months, rate=rate)).discount_factor

    assert all(0 < f <= 1 for f in factors)
    assert all(late <= early for early, late in pairwise(factors))


@given(rate=st.floats(0.0, 1.0, allow_nan=False))
def test_finer_periods_keep_the_factor_of_the_middle_of_the_year(rate):
    year = time_grid(problem(periods=1, months=12, rate=rate)).discount_factor[0]
    months = time_grid(problem(periods=12, months=1, rate=rate)).discount_factor

    assert math.prod(months) ** (1 / 12) == pytest.approx(year)

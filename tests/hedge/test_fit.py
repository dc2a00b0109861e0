"""Scenarios of prices: the shipped trends again, exact moments, and what data do not support."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

from planner.catalog.load import load_catalog
from planner.errors import InputError
from planner.hedge.fit import fit_scenarios, fit_trend
from planner.problem.load import load_problem
from planner.problem.schema import Problem

CATALOG = load_catalog([])
PROBLEM = load_problem("two_year_budget").problem
TRENDS = [row for row in CATALOG.price_trends if row.points - row.groups - 1 >= 4]


def rates(found, field):
    """Return rates ln(1 + change) and probabilities."""
    patches = found.scenarios.values()
    changes = [p["supply"]["price_change_per_year"][field] for p in patches]
    return np.log1p(changes), np.array([p["probability"] for p in patches])


@pytest.mark.parametrize("row", TRENDS, ids=lambda row: row.id)
def test_the_trends_of_the_catalogue_are_found_again(row):
    found = fit_trend(CATALOG, row.id)

    assert found.points == row.points
    assert found.rate == pytest.approx(row.log_rate_per_year, abs=6e-4)
    assert found.rate_se == pytest.approx(row.log_rate_se, rel=0.02)


def test_mean_and_spread_of_one_price_are_met():
    trend = fit_trend(CATALOG, "tokens-openai-small")

    found = fit_scenarios(PROBLEM, CATALOG, {"api": trend.id})

    rate, share = rates(found, "api")
    assert len(found.scenarios) == 3
    assert share.sum() == pytest.approx(1)
    assert share @ rate == pytest.approx(trend.rate, abs=2e-4)
    sd = math.hypot(trend.rate_se, trend.volatility / 2)  # eight quarters are two years
    assert math.sqrt(share @ (rate - share @ rate) ** 2) == pytest.approx(sd, rel=2e-3)


def test_prices_and_growth_have_the_correlation_that_was_asked_for():
    found = fit_scenarios(
        PROBLEM, CATALOG, {"api": "tokens-openai-small"}, growth_sd=0.3, demand_correlation=-0.6
    )

    rate, share = rates(found, "api")
    growth = np.log(
        [p["workloads"][0]["growth_per_period"] / 1.10 for p in found.scenarios.values()]
    )
    growth *= 4
    left = [x - share @ x for x in (rate, growth)]
    covariance = share @ (left[0] * left[1])
    spreads = [math.sqrt(share @ x**2) for x in left]
    assert len(found.scenarios) == 5
    assert spreads[1] == pytest.approx(0.3, rel=1e-3)
    assert covariance / np.prod(spreads) == pytest.approx(-0.6, abs=2e-3)


def test_two_fields_may_follow_one_trend():
    trend = "rental-a100-sxm-80gb"

    found = fit_scenarios(PROBLEM, CATALOG, {"on_demand": trend, "reserved": trend})

    for patch in found.scenarios.values():
        change = patch["supply"]["price_change_per_year"]
        assert change["on_demand"] == change["reserved"]
    assert len(found.scenarios) == 3


def test_a_price_path_of_the_problem_may_follow_a_trend_by_its_name():
    trend, path = "rental-a100-sxm-80gb", {"hardware": "a100-sxm-80gb", "tenure": "on_demand"}
    steps = [{"since": "2027-07", "factor": 0.9}]
    supply = PROBLEM.supply.model_dump() | {
        "price_paths": [{"name": "rate", **path, "change_per_year": -0.1},
                        {"name": "stepped", "provider": "aws", "steps": steps}]
    }  # fmt: skip
    problem = Problem.model_validate(PROBLEM.model_dump() | {"supply": supply})

    found = fit_scenarios(problem, CATALOG, {"api": trend, "rate": trend, "stepped": trend})

    for patch in found.scenarios.values():
        change = patch["supply"]["price_change_per_year"]["api"]
        assert patch["supply"]["price_paths"] == [
            {"name": "rate", "change_per_year": change},
            {"name": "stepped", "change_per_year": change, "steps": None},
        ]


def test_notes_say_what_the_data_do_not_support():
    found = fit_scenarios(
        PROBLEM,
        CATALOG,
        {"on_demand": "rental-h100-sxm-80gb", "owned": "purchase-a100-sxm-80gb"},
        growth_sd=0.2,
    )

    told = "\n".join(found.notes)
    assert "rental-h100-sxm-80gb: +1.5% a year from 22 readings" in told
    assert "not clear of its error" in told
    assert "too few for a correlation" in told
    assert "stated, not fitted" in told


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"api": "tokens-openai-smal"}, "no reading.*did you mean `tokens-openai-small`"),
        ({}, "nothing varies"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_way_out(asked, message):
    with pytest.raises(InputError, match=message):
        fit_scenarios(PROBLEM, CATALOG, asked)


def test_too_few_readings_are_refused():
    few = [p for p in CATALOG.price_paths if p.trend == "purchase-a100-sxm-80gb"][:5]
    rest = tuple(p for p in CATALOG.price_paths if p.trend != "purchase-a100-sxm-80gb")
    catalog = CATALOG.__class__(
        **{field.name: getattr(CATALOG, field.name) for field in fields(CATALOG)}
        | {"price_paths": (*rest, *few)}
    )

    with pytest.raises(InputError, match="leave 3 degrees of freedom; a spread needs 4"):
        fit_trend(catalog, "purchase-a100-sxm-80gb")

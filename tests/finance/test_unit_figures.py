"""What provisioned units carry, and when tokens by use would cost as much: by hand."""

from __future__ import annotations

import io

import pytest

from planner.report.text import write_plan
from planner.verify.audit import audit
from tests.finance.world import solved
from tests.options.world import catalog, problem, row, workload

QUARTER_H = 2190.0
UNIT = {
    "name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 20.0,
    "tokens_per_minute_per_unit": 120_000.0, "term_months": 6,
}  # fmt: skip
BY_USE_USD = 3_600 * (1_000 * 10.0 + 100 * 1.5) / 1e6
"""An hour of a request/s with 1,000 tokens in at 10 USD a million and 100 out at 1.5: 36.54."""
WORK = 60 * 1_100 / 120_000
"""What a request/s of 1,100 tokens takes of a unit: 0.55."""
HALVED = {"price_paths": [{"name": "t", "offer": "tokens:a/model-a:standard",
                           "steps": [{"since": "2027-04", "factor": 0.5}]}]}  # fmt: skip


def asked(unit=UNIT, supply=None, rate_rps=1.0, **chat):
    arrival = {"mean_rate_rps": rate_rps, "peak_factor_in_hour": 1.0}
    return problem(
        workload(arrival=arrival, **chat),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        supply={"tenures": ["api"], "provisioned": [unit]} | (supply or {}),
    )


def facts(input_usd=10.0):
    dear = row("api_offers", provider="dear", input_usd_per_mtok=90.0)
    return catalog(offers=[], api_offers=[dear, row("api_offers", input_usd_per_mtok=input_usd)])


def figures(problem_asked, known):
    plan = solved(problem_asked, known, (), compare=False)
    assert audit(plan, problem_asked, known) == []
    (units,) = plan.provisioned
    return units, plan


EARLY, LATE = 1.08**-0.125, 1.08**-0.375
"""Discount factors of the middle of both quarters."""


@pytest.mark.parametrize(("supply", "later_factor"), [(None, 1.0), (HALVED, 0.5)])
def test_coverage_work_break_even_and_price_fall_of_a_unit(supply, later_factor):
    units, _ = figures(asked(supply=supply), facts())

    by_use_usd = QUARTER_H * BY_USE_USD * (1 + later_factor)
    even = 20.0 * (EARLY + LATE) / (BY_USE_USD * (EARLY + LATE * later_factor))
    assert (units.units, units.order_by, units.coverage) == (1, "2027-01-01", pytest.approx(1.0))
    assert units.utilization == pytest.approx(WORK)
    assert units.alternative_offer_id == "tokens:a/model-a:standard"
    assert units.alternative_usd == pytest.approx(by_use_usd)
    assert units.break_even_utilization == pytest.approx(WORK * even)
    assert units.alternative_price_fall == pytest.approx(1 - even)


def test_the_price_fall_is_where_the_plan_changes_its_mind():
    fall = 1 - 20.0 / BY_USE_USD
    for factor, takes_units in ((1.001, True), (0.999, False)):
        path = {"name": "t", "tenure": "api", "steps": [
            {"since": "2027-01", "factor": (1 - fall) * factor}]}  # fmt: skip
        own = {"name": "u", "offer": "provisioned:ptu", "change_per_year": 0.0}

        plan = solved(asked(supply={"price_paths": [path, own]}), facts(), (), compare=False)

        assert bool(plan.provisioned) is takes_units


def test_half_of_the_requests_on_units_that_are_there_and_due_anyway():
    there = UNIT | {"committed": [{"units": 1, "until": "2027-07"}], "max_units": 1}
    there |= {"tokens_per_minute_per_unit": 33_000.0}

    units, plan = figures(asked(there), facts(input_usd=1.0))

    by_use_usd = 3_600 * (1_000 * 1.0 + 100 * 1.5) / 1e6 / 2
    assert units.is_existing
    assert (units.coverage, units.utilization) == (pytest.approx(0.5), pytest.approx(1.0))
    assert units.alternative_usd == pytest.approx(2 * QUARTER_H * by_use_usd)
    # What is due for them whatever is decided does not count.
    assert (units.break_even_utilization, units.alternative_price_fall) == (0.0, 1.0)
    text = io.StringIO()
    write_plan(text, plan, months=6)
    assert "\nthere\t1 x provisioned:ptu\t50%\t100%\t100%\t0%\t" in text.getvalue()


def test_a_term_beyond_the_horizon_counts_as_the_plan_pays_it():
    year = UNIT | {"term_months": 12, "usd_per_unit_hour": 15.0}

    units, _ = figures(asked(year), facts())

    paid = 15.0 * QUARTER_H * sum(1.08 ** -((q + 0.5) / 4) for q in range(4))
    by_use = BY_USE_USD * QUARTER_H * (EARLY + LATE)
    assert units.discounted_usd == pytest.approx(paid)
    assert units.alternative_discounted_usd == pytest.approx(by_use)
    assert units.alternative_price_fall == pytest.approx(1 - paid / by_use)
    for factor, takes_units in ((1.001, True), (0.999, False)):
        path = {"name": "t", "tenure": "api", "steps": [
            {"since": "2027-01", "factor": paid / by_use * factor}]}  # fmt: skip
        own = {"name": "u", "offer": "provisioned:ptu", "change_per_year": 0.0}
        plan = solved(asked(year, {"price_paths": [path, own]}), facts(), (), compare=False)
        assert bool(plan.provisioned) is takes_units


def test_a_second_lot_is_needed_for_what_the_first_has_no_room_for():
    # a unit carries 20/11 requests/s; 1 and 2 are planned for, 0.5 sqrt(2) and sqrt(2) are paid
    units = UNIT | {"usd_per_unit_hour": 1.0}
    grown = problem(
        workload(
            arrival={"mean_rate_rps": 0.5, "peak_factor_in_hour": 1.0}, growth_per_period=2.0
        ),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        supply={"tenures": ["api"], "provisioned": [units]},
        finance={"discount_rate_per_year": 0.0},
    )

    plan = solved(grown, facts(), (), compare=False)

    assert audit(plan, grown, facts()) == []
    first, second = plan.provisioned
    assert (first.units, second.units, second.start_month) == (1, 1, "2027-04")
    beyond = 2**0.5 * (1 - 20 / 11 / 2)
    assert second.needed_share == pytest.approx(beyond * WORK)
    assert second.utilization == pytest.approx(2**0.5 * WORK / 2)
    assert second.alternative_usd == pytest.approx(beyond * BY_USE_USD * QUARTER_H)
    assert second.alternative_price_fall == pytest.approx(1 - 2.0 / (beyond * BY_USE_USD))
    assert second.break_even_utilization == pytest.approx(2.0 * WORK / BY_USE_USD)
    assert first.alternative_usd == pytest.approx((0.5 * 2**0.5 + beyond) * BY_USE_USD * QUARTER_H)


def test_no_alternative_where_no_offer_by_use_may_serve():
    promised = UNIT | {"ttft_p99_ms": 500.0}
    slo = [{"metric": "ttft_ms", "percentile": 99, "limit": 1000}]

    units, _ = figures(asked(promised, slo=slo), facts())

    assert units.utilization == pytest.approx(WORK)
    assert units.alternative_offer_id is units.alternative_usd is None
    assert units.break_even_utilization is units.alternative_price_fall is None


@pytest.mark.parametrize(
    ("limit", "is_noted"),
    [
        ({"provider": "tokens", "model": "model-a"}, True),
        ({"provider": "tokens"}, True),
        ({"provider": "dear"}, False),
    ],
)
def test_an_alternative_under_a_rate_limit_says_so(limit, is_noted):
    limits = {"api_limits": [limit | {"tokens_per_minute": 10_000.0}]}

    units, plan = figures(asked(supply=limits), facts())

    assert units.alternative_offer_id == "tokens:a/model-a:standard"
    assert any("leave out the rate limit" in note for note in plan.warnings) is is_noted


@pytest.mark.parametrize(
    ("rate_rps", "says"),
    [
        (1.0, "; units and offer need 500 USD of people a month alike"),
        (2.5, "; that offer serves here anyway, so without the units 500 USD of people a month "
              "would be saved too"),
    ],
)  # fmt: skip
def test_what_tokens_cost_by_use_is_said_to_be_without_people(rate_rps, says):
    """Half a person for 12,000 a year costs 500 a month; one unit carries 1.8 requests/s."""
    staff = {"staff": {"usd_per_fte_year": 12_000, "api": {"fte_per_offer": 0.5}}}

    _, plan = figures(asked(UNIT | {"max_units": 1}, staff, rate_rps), facts())
    _, without = figures(asked(), facts())

    (note,) = [n for n in plan.warnings if "without people" in n]
    assert note == (
        "provisioned:ptu: what its tokens would cost by use at tokens:a/model-a:standard, and the "
        "break-even and price fall that follow, are without people of offers "
        f"(supply.staff.api.fte_per_offer){says}"
    )
    assert not [n for n in without.warnings if "without people" in n]

"""Plans with provisioned units: the audit computes their payments and their load again."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from planner.plan.finance_rows import ProvisionedRow
from planner.problem.token_semantics import token_findings
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, one_more, report, slightly_more, twice
from tests.verify.conftest import Audited, solved

MONTH_H = 730.0
PTU = {
    "name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 1.0,
    "tokens_per_minute_per_unit": 30_000.0, "output_weight": 4.0, "cached_input_weight": 0.5,
    "min_units": 4, "increment_units": 2,
}  # fmt: skip
TERMS = {"start": "2027-01", "periods": 3, "months_per_period": 2}


def asked(stated, tenures=("api",), **sections):
    arrival = {"mean_rate_rps": 1.0, "profile": [0.5] * 12 + [1.5] * 12}
    cache = {"hit_rate": 0.2}
    return problem(
        workload("chat", arrival=arrival | {"peak_factor_in_hour": 1.0}, prefix_cache=cache),
        workload("code", arrival=arrival | {"mean_rate_rps": 0.5}, prefix_cache=cache),
        **(
            {
                "horizon": TERMS,
                "time_blocks": 4,
                "finance": {"discount_rate_per_year": 0.1},
                "supply": {
                    "tenures": list(tenures),
                    "provisioned": [stated],
                    "price_change_per_year": {"api": -0.2},
                },
            }
            | sections
        ),
    )


@pytest.fixture(scope="module", params=[None, 2, 8])
def units(request):
    stated = PTU if request.param is None else PTU | {"term_months": request.param}
    offers = [row("api_offers", input_usd_per_mtok=10.0)]
    return solved(asked(stated), catalog(api_offers=offers))


def test_the_audit_agrees_with_plans_of_units(units):
    modes = {r.mode for r in units.plan.api}

    assert units.plan.provisioned
    assert modes == {"provisioned", "standard"}
    assert report(units, units.plan) == []
    assert {line.tenure for line in units.plan.cost_lines} >= {"provisioned"}


ROWS = [
    ({"units": one_more}, "which is no size of them|the problem gives"),
    ({"tokens_per_minute": slightly_more}, "tokens per minute, the problem gives"),
    ({"usd_per_unit_hour": slightly_more}, "USD per unit-hour, the problem gives"),
    ({"usd": slightly_more}, " USD, the problem gives"),
    ({"discounted_usd": slightly_more}, "USD discounted, the problem gives"),
    ({"usd_after_horizon": lambda usd: usd + 1}, "USD after the horizon, the problem gives"),
    ({"units_id": "provisioned:other"}, "the problem has no such units"),
    ({"provider": "other"}, "provider other, expected tokens"),
    ({"model": "model-b"}, "model model-b, expected model-a"),
    ({"start_month": "2027-02"}, "start 2027-02, expected 2027-01"),
    ({"end_month": "2030-01"}, "end 2030-01, expected"),
    ({"start_period": 9}, "commitment of period 9 is outside the horizon"),
    ({"price_date": "2026-01"}, "price date 2026-01, expected 2027-01"),
    ({"price_source": "a page"}, "price source a page, expected the problem"),
    ({"is_existing": True}, "units that are taken on already are"),
    ({"order_by": "2026-12-31"}, "order by 2026-12-31, the term begins on"),
    ({"coverage": slightly_more}, "coverage .* the rows give"),
    ({"utilization": slightly_more}, "utilization .* the rows of tokens give"),
    ({"alternative_offer_id": "tokens:other:standard"}, "USD by use at tokens:other.* gives None"),
    ({"alternative_offer_id": None}, "figures of an alternative without one"),
    ({"alternative_usd": slightly_more}, "USD by use at tokens:a/model-a:standard, tokens x"),
    ({"alternative_usd": None}, "figures of an alternative without one"),
    ({"break_even_utilization": slightly_more}, "break-even utilization .* recomputed"),
    ({"break_even_utilization": None}, "break-even utilization None, recomputed"),
    ({"alternative_price_fall": slightly_more}, "price fall of the alternative .* recomputed"),
    ({"needed_share": slightly_more}, "needed share .* the rows of tokens give"),
    ({"alternative_discounted_usd": slightly_more}, "USD by use, discounted, at tokens:a"),
    ({"units_kept": one_more}, "1 of them kept, an earlier plan has 0"),
]


@pytest.mark.parametrize(
    ("changes", "text"), ROWS, ids=[f"{k}-{i}" for i, (c, _) in enumerate(ROWS) for k in c]
)
def test_a_changed_figure_of_units_is_reported(units, changes, text):
    found = report(units, changed(units.plan, "provisioned", **changes))

    assert any(re.search(text, line) for line in found), found


def test_all_fields_of_the_row_have_a_mutation():
    assert {next(iter(changes)) for changes, _ in ROWS} == set(ProvisionedRow.__slots__)


@pytest.mark.parametrize(
    "changes",
    [{"usd": lambda usd: usd + 1}, {"offer_id": "provisioned:x"}, {"price_source": "x"},
     {"model": "model-b"}, {"mode": "standard"}, {"planned_rate_rps": twice}],
)  # fmt: skip
def test_a_changed_row_of_tokens_out_of_units_is_reported(units, changes):
    place = next(i for i, r in enumerate(units.plan.api) if r.mode == "provisioned")

    assert report(units, changed(units.plan, "api", place, **changes))


def test_units_that_carry_too_much_are_reported(units):
    supply = units.problem.supply
    slower = supply.provisioned[0].model_copy(update={"tokens_per_minute_per_unit": 25_000.0})
    other = supply.model_copy(update={"provisioned": [slower]})
    world = Audited(
        units.plan, units.problem.model_copy(update={"supply": other}), units.catalog
    )  # fmt: skip

    assert any("counted tokens per minute on" in line for line in report(world, units.plan))


def test_missing_units_are_reported(units):
    found = report(units, replace(units.plan, provisioned=()))

    assert any("counted tokens per minute on 0 units" in line for line in found)
    assert any("'provisioned')" in line and "cost line" in line for line in found)


def test_units_by_hand():
    # A request counts 800 + 200 x 0.5 + 100 x 4 = 1,300 tokens; at 1.5 requests/s in each of the
    # last two blocks these are 117,000 a minute, or 3.9 units; by use they cost much more.
    one = problem(
        workload(
            arrival={
                "mean_rate_rps": 1.0, "profile": [0.5] * 12 + [1.5] * 12,
                "peak_factor_in_hour": 1.0,
            },
            prefix_cache={"hit_rate": 0.2},
        ),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 1},
        time_blocks=4,
        finance={"discount_rate_per_year": 0.0},
        supply={"tenures": ["api"], "provisioned": [PTU | {"min_units": 2}]},
    )  # fmt: skip

    world = solved(one, catalog(api_offers=[row("api_offers", input_usd_per_mtok=10.0)]))

    (units,) = world.plan.provisioned
    assert (units.units, units.tokens_per_minute) == (4, 120_000.0)
    assert world.plan.tco_usd == pytest.approx(4 * MONTH_H)
    assert world.plan.unit_costs[0].usd_per_request == pytest.approx(
        4 * MONTH_H / (MONTH_H * 3600)
    )
    assert [r.usd for r in world.plan.api] == [0.0] * 4


def test_payments_after_the_horizon_can_be_cut():
    stated = PTU | {"term_months": 12}
    offers = [row("api_offers", input_usd_per_mtok=100.0)]
    full = solved(asked(stated), catalog(api_offers=offers))
    finance = {"discount_rate_per_year": 0.1, "commitment_tail": "pro_rata"}
    cut = solved(asked(stated, finance=finance), catalog(api_offers=offers))

    assert report(full, full.plan) == report(cut, cut.plan) == []
    assert full.plan.provisioned[0].usd == pytest.approx(2 * cut.plan.provisioned[0].usd)
    assert full.plan.provisioned[0].usd_after_horizon == pytest.approx(
        full.plan.provisioned[0].usd / 2
    )
    assert {line.period for line in full.plan.cost_lines if line.tenure == "provisioned"} == set(
        range(6)
    )


def test_units_need_promised_latencies_like_all_tokens():
    slo = [{"metric": "ttft_ms", "percentile": 99, "limit": 500}]

    def plan_of(stated):
        limited = problem(
            workload(slo=slo), supply={"tenures": ["api"], "provisioned": [PTU | stated]}
        )
        return solved(limited, catalog()).plan

    found = plan_of({})
    assert found.status == "infeasible"
    assert any("states no latency" in line for line in found.diagnosis)
    assert plan_of({"ttft_p99_ms": 501.0}).status == "infeasible"
    assert {r.mode for r in plan_of({"ttft_p99_ms": 500.0}).api} == {"provisioned"}


def test_types_of_day_share_units_by_their_hours():
    days = {"weekday": {"days_per_year": 261}, "weekend": {"days_per_year": 104, "factor": 0.2}}
    arrival = {"mean_rate_rps": 1.0, "peak_factor_in_hour": 1.0}
    mixed = problem(
        workload("chat", arrival=arrival | {"day_types": days}),
        workload("code", arrival=arrival),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        supply={"tenures": ["api"], "provisioned": [PTU | {"min_units": 2}]},
    )

    world = solved(mixed, catalog(api_offers=[row("api_offers", input_usd_per_mtok=10.0)]))

    # A request counts 1,000 + 4 x 100 tokens; 2 x 84,000 a minute on weekdays fill 5.6 units.
    assert report(world, world.plan) == []
    assert [item.units for item in world.plan.provisioned] == [6, 6]
    usd = {
        name: sum(x.usd for x in world.plan.cost_lines if x.workload == name)
        for name in ("chat", "code")
    }
    assert usd["chat"] / usd["code"] == pytest.approx((261 + 0.2 * 104) / 365)


def test_units_of_a_plan_without_tokens_are_noted():
    world = solved(
        problem(workload(), supply={"tenures": ["on_demand"], "provisioned": [PTU]}), catalog()
    )

    assert not world.plan.provisioned
    assert any("are for tokens, which are not among" in note for note in world.plan.warnings)


SIGNED = PTU | {
    "term_months": 8,
    "committed": [
        {"units": 4, "until": "2027-03", "usd_per_unit_hour": 2.0},
        {"units": 4, "until": "2027-09"},
    ],
}


@pytest.fixture(scope="module")
def signed():
    """Return three periods with units that are there: some end early, some outlive the horizon."""
    offers = [row("api_offers", input_usd_per_mtok=10.0)]
    return solved(asked(SIGNED), catalog(api_offers=offers))


def test_units_that_are_taken_on_already_are_there_and_paid(signed):
    there = [r for r in signed.plan.provisioned if r.is_existing]

    assert report(signed, signed.plan) == []
    rows = [(r.units, r.start_month, r.end_month, r.usd_per_unit_hour) for r in there]
    assert rows == [(4, "2027-01", "2027-03", 2.0), (4, "2027-01", "2027-09", 1.0)]
    # To their end, or to that of the horizon: the rest is due whatever the plan is.
    assert [r.usd for r in there] == pytest.approx([4 * 2 * 730 * 2.0, 4 * 6 * 730 * 1.0])
    assert [r.usd_after_horizon for r in there] == [0, 0]


def test_changes_of_units_that_are_there_are_found(signed):
    plan = signed.plan
    place = next(i for i, r in enumerate(plan.provisioned) if r.is_existing)
    rows = plan.provisioned
    missing = replace(plan, provisioned=(*rows[:place], *rows[place + 1 :]))

    for other in (
        missing,
        changed(plan, "provisioned", place, units=one_more),
        changed(plan, "provisioned", place, is_existing=False),
        changed(plan, "provisioned", place, usd=slightly_more),
        changed(plan, "provisioned", place, end_month="2027-05"),
    ):
        assert report(signed, other)


def test_units_that_are_there_are_paid_without_tokens_on_offer():
    rented = solved(asked(SIGNED, ("on_demand",)), catalog())
    free = solved(asked(PTU, ("on_demand",)), catalog())

    assert report(rented, rented.plan) == []
    assert rented.plan.tco_usd - free.plan.tco_usd == pytest.approx(4 * 4 * 730 + 4 * 6 * 730)


@pytest.mark.parametrize(
    ("committed", "says"),
    [
        ([{"units": 4, "until": "2027-01"}], "not after the start of the horizon"),
        ([{"units": 5, "until": "2027-05"}], "5 units are there until 2027-05: no multiple"),
        ([{"units": 2, "until": "2027-05"}], "2 units are there until 2027-05: below `min_units`"),
        (
            [{"units": 12, "until": "2027-05"}],
            "12 units are there until 2027-05: above `max_units`",
        ),
        (
            [{"units": 4, "until": "2027-05"}, {"units": 4, "until": "2027-05"}],
            "item 0 ends then too",
        ),
    ],
)
def test_units_that_cannot_be_there_are_refused(committed, says):
    stated = PTU | {"max_units": 8, "committed": committed}

    found = [text for _, text in token_findings(asked(stated))]

    assert any(says in text for text in found)

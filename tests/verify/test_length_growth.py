"""Plans with lengths that grow: the audit computes tokens, limits and unit costs again."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from planner.verify.audit.lengths import longer_than_paid, paid_level, planned_level
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, report, slightly_more
from tests.verify.conftest import Audited, solved

GROWTH = {"isl": [1.44, 1.21], "osl": 0.81}
HORIZON = {"start": "2027-01", "periods": 2, "months_per_period": 6}
TIERS = [
    row("api_offers"),
    row("api_offers", prompt_from_tokens=1_300, input_usd_per_mtok=1.0, output_usd_per_mtok=3.0),
]
SPREAD = {"mean": 1000.0, "p50": 700.0, "p95": 3_000.0, "p99": 5_000.0, "max": 8_000.0}


def asked(*workloads, **sections):
    return problem(*workloads, **{"horizon": HORIZON, "time_blocks": 4} | sections)


@pytest.fixture(scope="module")
def tokens():
    """Return two periods on tokens whose prompts grow through a tier, under rate limits."""
    spread = {"isl_tokens": SPREAD, "osl_tokens": {"mean": 100.0}}
    limit = {
        "provider": "tokens",
        "mode": "standard",
        "tokens_per_minute": 1.3e6,
        "output_tokens_per_minute": 3e4,
    }
    whole = asked(
        workload("chat", length_growth_per_period=GROWTH, lengths=spread),
        workload("code", length_growth_per_period={"isl": 0.9}, prefix_cache={"hit_rate": 0.3}),
        supply={"tenures": ["api"], "api_limits": [limit]},
    )
    return solved(whole, catalog(api_offers=TIERS))


@pytest.fixture(scope="module")
def replicas():
    """Return two periods of a pool on modelled capacities, with spares, one class growing."""
    slo = [{"metric": "ttft_ms", "percentile": 99, "limit": 1000}]
    fast = {"arrival": {"mean_rate_rps": 40.0}, "pool": "p", "slo": slo}
    whole = asked(
        workload("chat", length_growth_per_period={"isl": 2.0, "osl": 1.5}, **fast),
        workload("code", **fast),
        supply={"tenures": ["on_demand"]},
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
    )
    return solved(whole, catalog(offers=[row("offers", elastic_max_nodes=500)]))


def test_levels_are_those_of_mid_period_and_of_the_dearer_end():
    one = problem(workload(length_growth_per_period=GROWTH), horizon=HORIZON).workloads[0]

    assert [paid_level(one, t) for t in (0, 1)] == [
        pytest.approx((1.2, 0.9)),
        pytest.approx((1.44 * 1.1, 0.81 * 0.9)),
    ]
    assert [planned_level(one, t) for t in (0, 1)] == [
        pytest.approx((1.44, 1.0)),
        pytest.approx((1.44 * 1.21, 0.81)),
    ]
    assert longer_than_paid(one, 1) == pytest.approx((1.1, 1 / 0.9))


def test_the_audit_agrees_with_plans_of_tokens(tokens):
    chat = {r.period: r for r in tokens.plan.api if r.workload == "chat" and r.block == 0}
    requests = chat[0].rate_rps * 6 * 730 / 4 * 3_600

    assert report(tokens, tokens.plan) == []
    assert chat[0].input_mtok == pytest.approx(requests * 1_200 / 1e6)
    assert chat[0].output_mtok == pytest.approx(requests * 90 / 1e6)
    # More of the prompts are long in the second period, so that a token costs more.
    first, then = (chat[t].usd / (chat[t].input_mtok + chat[t].output_mtok) for t in (0, 1))
    assert then > first


def test_the_audit_agrees_with_plans_of_replicas(replicas):
    chat = {r.period: r for r in replicas.plan.allocations if r.workload == "chat"}
    code = {r.period: r for r in replicas.plan.allocations if r.workload == "code"}

    assert report(replicas, replicas.plan) == []
    assert chat[1].capacity_rps < chat[0].capacity_rps
    assert chat[1].replicas > chat[0].replicas
    assert set(code) == {0, 1}


@pytest.mark.parametrize("seed", range(3))
def test_longer_requests_never_cost_less(seed):
    rng = np.random.default_rng(seed)
    shorter = {name: rng.uniform(0.8, 1.4, 2).round(2).tolist() for name in ("isl", "osl")}
    longer = {name: [f * rng.uniform(1.05, 1.4) for f in fs] for name, fs in shorter.items()}
    slo = [{"metric": "ttft_ms", "percentile": 99, "limit": 1000}]
    mixed = {"isl_tokens": SPREAD, "osl_tokens": {"mean": 200.0}}

    first, then = (
        solved(
            asked(
                workload(
                    slo=slo,
                    lengths=mixed,
                    arrival={"mean_rate_rps": 30.0},
                    length_growth_per_period=growth,
                ),
                supply={"api_latency": "assume_met", "tenures": ["on_demand", "api"]},
                candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
            ),
            catalog(offers=[row("offers", elastic_max_nodes=500)], api_offers=TIERS),
        )
        for growth in (shorter, longer)
    )

    assert then.plan.cost_usd >= first.plan.bound_usd
    assert report(then, then.plan) == []


CHANGES = [
    ("api", 0, {"input_mtok": slightly_more}, "million input tokens, the mean rate needs"),
    ("api", -1, {"output_mtok": slightly_more}, "million output tokens, the mean rate needs"),
    ("api", -1, {"usd": slightly_more}, "tokens x price gives"),
    ("unit_costs", 0, {"usd_per_million_tokens": slightly_more}, "USD per million tokens"),
    ("unit_costs", 0, {"usd_per_million_output_tokens": slightly_more}, "million output tokens"),
]


@pytest.mark.parametrize(("table", "place", "changes", "text"), CHANGES)
def test_a_changed_figure_is_told(tokens, table, place, changes, text):
    found = report(tokens, changed(tokens.plan, table, place, **changes))

    assert any(re.search(text, violation) for violation in found), found


def with_growth(world, growth):
    """Return the same plan as the answer to a problem with another growth of lengths."""
    first, *others = world.problem.workloads
    changes = {
        "length_growth_per_period": first.length_growth_per_period.model_copy(update=growth)
    }
    workloads = [first.model_copy(update=changes), *others]
    return Audited(
        world.plan, world.problem.model_copy(update={"workloads": workloads}), world.catalog
    )


@pytest.mark.parametrize(
    "growth", [{"isl": 1.0}, {"osl": 1.0}, {"isl": [1.44, 1.0]}, {"osl": [0.81, 0.82]}]
)
def test_a_plan_for_other_lengths_is_told(tokens, growth):
    other = with_growth(tokens, growth)

    found = report(other, other.plan)

    assert any("tokens, the mean rate needs" in violation for violation in found), found


def test_limits_are_held_against_the_dearer_end(tokens):
    """A limit between the tokens in the middle of a period and at its end is exceeded."""
    rows = [r for r in tokens.plan.api if (r.period, r.block) == (1, 0)]
    seconds = 6 * 730 / 4 * 3_600
    paid = sum(r.input_mtok * 1e6 / (r.rate_rps * seconds) * r.planned_rate_rps * 60 for r in rows)
    limit = tokens.problem.supply.api_limits[0].model_copy(
        update={"tokens_per_minute": None, "input_tokens_per_minute": paid * 1.02}
    )
    supply = tokens.problem.supply.model_copy(update={"api_limits": [limit]})
    tight = replace(tokens, problem=tokens.problem.model_copy(update={"supply": supply}))

    found = report(tight, tight.plan)

    assert any("period 1 block 0" in v and "input tokens per minute" in v for v in found), found


def test_units_are_held_against_the_dearer_end():
    stated = {
        "name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 0.5,
        "tokens_per_minute_per_unit": 20_000.0, "output_weight": 4.0, "cached_input_weight": 0.5,
    }  # fmt: skip
    whole = asked(
        workload(length_growth_per_period=GROWTH, prefix_cache={"hit_rate": 0.2}),
        supply={"tenures": ["api"], "provisioned": [stated]},
    )
    world = solved(whole, catalog(api_offers=[row("api_offers", input_usd_per_mtok=10.0)]))

    longer = with_growth(world, {"isl": [1.44, 1.5]})

    assert {r.mode for r in world.plan.api} >= {"provisioned"}
    assert report(world, world.plan) == []
    assert any("counted tokens per minute on" in v for v in report(longer, longer.plan))


def test_replicas_of_one_period_carry_the_same_with_the_same_lengths(replicas):
    rows = replicas.plan.allocations
    changed_row = next(i for i, r in enumerate(rows) if (r.period, r.block) == (1, 2))
    row_ = rows[changed_row]
    more = changed(
        replicas.plan, "allocations", changed_row,
        capacity_rps=row_.capacity_rps * 1.01,
        utilization=row_.utilization / 1.01,
        capacity_nominal_rps=row_.capacity_nominal_rps * 1.01,
    )  # fmt: skip

    found = report(replicas, more)

    assert any("other figures for" in violation for violation in found), found


def test_without_growth_equal_replicas_of_two_periods_carry_the_same(replicas):
    still = with_growth(replicas, {"isl": 1.0, "osl": 1.0})
    same = tuple(
        replace(r, replicas=max(a.replicas for a in still.plan.allocations))
        for r in still.plan.allocations
    )

    found = report(still, replace(still.plan, allocations=same))

    assert any("other figures for" in violation for violation in found), found

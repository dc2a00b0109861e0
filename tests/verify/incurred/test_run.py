"""Cost incurred in a replay: the plan's where it is replayed as planned, and what differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.verify.incurred.as_data import incurred_data
from planner.verify.incurred.run import incurred_cost
from planner.verify.replay.run import ReplaySettings, world_of
from planner.verify.replay.trace import Trace
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.changes import changed
from tests.verify.conftest import solved

CENT = 0.01
DAY_S = 86_400


def incurred(audited, traces=None, seeds=2, full=False, plan=None):
    asked = ReplaySettings(traces=traces or {})
    world = world_of(plan or audited.plan, loaded(audited.problem), audited.catalog, asked)
    return incurred_cost(world, 0, seeds, full=full)


def of_category(found, category):
    return [line for line in found.lines if line.category == category]


@pytest.mark.parametrize("name", ["modelled", "day", "night"])
def test_replayed_as_planned_every_line_is_that_of_the_plan(name, request):
    """Static and hourly nodes, tokens with hits and prices by the hour, leases, batches."""
    found = incurred(request.getfixturevalue(name))

    assert found.lines
    for line in found.lines:
        assert line.money.usd == pytest.approx(line.money.plan_usd, abs=CENT)
    assert found.money.plan_usd == pytest.approx(request.getfixturevalue(name).plan.tco_usd)
    assert found.notes == ()


def test_what_is_taken_on_for_a_term_is_paid_as_it_is_due(terms):
    found = incurred(terms)
    kinds = {line.category for line in found.lines}

    assert {"capex", "lease", "maintenance", "staff", "one_off"} <= kinds
    for line in found.lines:
        if line.category != "energy":
            assert line.money.usd == pytest.approx(line.money.plan_usd, abs=CENT)


@pytest.mark.parametrize("name", ["day", "terms", "night"])
def test_workloads_bear_all_of_it(name, request):
    found = incurred(request.getfixturevalue(name))

    for pick in ("plan_usd", "usd", "low_usd", "high_usd"):
        whole = getattr(found.money, pick)
        if pick in {"plan_usd", "usd"}:
            assert sum(getattr(w.money, pick) for w in found.workloads) == pytest.approx(whole)
            assert sum(getattr(x.money, pick) for x in found.lines) == pytest.approx(whole)
    for item in found.workloads:
        assert sum(p.money.usd for p in item.parts) == pytest.approx(item.money.usd)
        assert item.usd_per_request == pytest.approx(item.money.usd / item.requests)


def test_requests_are_those_of_the_unit_costs(day):
    found = incurred(day)

    for item, unit in zip(found.workloads, day.plan.unit_costs, strict=True):
        assert item.usd_per_request == pytest.approx(unit.usd_per_request)


def test_shared_nodes_are_split_by_the_rule_of_the_unit_costs(day):
    """Two workloads of a pool, one twice as slow: the split follows planned load, not requests.

    Those that start in block 0 are split by the load of block 1.
    """
    found = incurred(day)

    def share_of_chat(block):
        load = {
            name: sum(
                a.planned_rate_rps / a.capacity_rps
                for a in day.plan.allocations
                if a.workload == name and (a.period, a.block) == (0, block)
            )
            for name in ("chat", "code")
        }
        return load["chat"] / sum(load.values())

    (node,) = [n for n in day.plan.fleet if (n.period, n.block) == (0, 0)]
    startup_usd = node.startup_node_hours * node.price_usd_per_hour
    only = replace(day.plan, fleet=(node,), cost_lines=())
    split = {x.workload: x.money.usd for x in of_category(incurred(day, plan=only), "on_demand")}

    assert startup_usd > 0
    assert split["chat"] == pytest.approx(
        (node.usd - startup_usd) * share_of_chat(0) + startup_usd * share_of_chat(1)
    )
    assert sum(split.values()) == pytest.approx(node.usd)
    assert found.money.usd > node.usd


def test_a_node_that_is_billed_for_longer_costs_that_by_hand(day):
    """With two days billed at least, nodes that come for less pay for two; oldest end first."""
    offers = [o.model_copy(update={"min_billing_minutes": 2_880.0}) for o in day.catalog.offers]
    found = incurred(replace(day, catalog=replace(day.catalog, offers=tuple(offers))))

    more = 0.0
    for period in (0, 1):
        nodes = {n.block: n for n in day.plan.fleet if n.period == period}
        days = nodes[0].hours / 6.0
        startup_h = nodes[0].startup_node_hours / nodes[0].starting_nodes / days
        counts = [nodes[b].nodes for b in range(4)]
        more += _extra_h(counts, startup_h, 48.0) * days * nodes[0].price_usd_per_hour
    assert more > 0
    assert found.money.more_usd == pytest.approx(more, abs=CENT)


def _extra_h(counts, startup_h, shortest_h):
    """Follow nodes of a day of four blocks, one queue, for ten days; return what one adds."""
    queue, extra = [], dict.fromkeys(range(10), 0.0)
    for number in range(40):
        now_h, grown = 6.0 * number, counts[number % 4] - len(queue)
        queue += [now_h - startup_h] * max(grown, 0)
        for _ in range(max(-grown, 0)):
            extra[number // 4] += max(shortest_h - (now_h - queue.pop(0)), 0.0)
    return extra[8]


def spot_world(**terms):
    asked = problem(
        workload("docs", deferrable={"window_h": 24.0}, arrival={"mean_rate_rps": 5.0}),
        time_blocks=4,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["spot"], "spot": {"interruptions_per_h": 0.5}},
    )
    offer = row(
        "offers", tenure="spot", price_usd_per_hour=0.5, elastic_max_nodes=50,
        startup_minutes=30.0, **terms,
    )  # fmt: skip
    return solved(asked, catalog(offers=[row("offers"), offer]))


def test_spot_nodes_that_are_taken_away_lose_the_start_of_their_successors():
    audited = spot_world()
    found = incurred(audited)

    (spot,) = found.spot
    hours = sum(n.nodes * n.hours for n in audited.plan.fleet)
    paid = hours + sum(n.startup_node_hours for n in audited.plan.fleet)
    assert spot.node_hours == pytest.approx(paid)
    assert spot.interruptions == pytest.approx(0.5 * hours, rel=0.1)
    assert spot.lost_node_hours == pytest.approx(0.5 * spot.interruptions)
    assert spot.lost_usd == pytest.approx(0.5 * spot.lost_node_hours)
    assert found.money.usd == pytest.approx(audited.plan.tco_usd)


def test_no_node_is_lost_where_none_is_on_spot(day):
    assert incurred(day).spot == ()


def trace(isl, osl, per_day=400, days=1):
    """Return even arrivals over whole days."""
    count = per_day * days
    arrival = (np.arange(count) + 0.5) * DAY_S * days / count
    lengths = [np.resize(np.asarray(v, dtype=float), count) for v in (isl, osl)]
    return Trace("day", arrival, *lengths)


def test_tokens_of_a_trace_by_hand(day):
    """Prompts twice as long and outputs half as long as the problem says: 2,000 and 50 tokens.

    Of a prompt 0.7 are paid in full at 0.5 USD, 0.3 at 0.1; outputs at 1.5 per million.
    """
    found = incurred(day, {"bulk": trace(2_000.0, 50.0)})

    request = (2_000 * (0.7 * 0.5 + 0.3 * 0.1) + 50 * 1.5) / 1e6
    seconds = 12 * 730 * 3_600
    (bulk,) = [w for w in found.workloads if w.workload == "bulk"]
    assert bulk.requests == pytest.approx(seconds * 1.0)
    assert bulk.money.usd == pytest.approx(request * seconds)
    planned = (1_000 * (0.7 * 0.5 + 0.3 * 0.1) + 100 * 1.5) / 1e6
    assert bulk.money.plan_usd == pytest.approx(planned * seconds)
    # Nodes of the others are as many as before.
    others = [w for w in found.workloads if w.workload != "bulk"]
    assert all(w.money.usd == pytest.approx(w.money.plan_usd) for w in others)


@pytest.fixture(scope="module")
def uneven():
    """Return a workload with uneven outputs on tokens alone, in four blocks."""
    outputs = {"mean": 100.0, "p50": 50.0, "p95": 300.0, "p99": 500.0, "max": 1_000.0}
    asked = problem(
        workload(
            lengths={"isl_tokens": {"mean": 1_000.0}, "osl_tokens": outputs},
            arrival={"mean_rate_rps": 2.0},
        ),
        time_blocks=4,
        supply={"tenures": ["api"]},
    )
    return solved(asked, catalog())


def test_a_sample_stands_for_whole_blocks_with_an_interval(uneven):
    """The exact cost of the distribution is the plan's; a sample is near it and says how near."""
    few, many = (incurred(uneven, seeds=20, full=full).money for full in (False, True))

    for money in (few, many):
        assert money.low_usd < money.plan_usd < money.high_usd
        assert money.usd == pytest.approx(money.plan_usd, rel=0.01)
        assert money.usd != money.plan_usd
    # 43,200 requests of a block instead of 4,000.
    assert many.high_usd - many.low_usd < 0.6 * (few.high_usd - few.low_usd)


def test_one_seed_has_no_interval(day):
    found = incurred(day, seeds=1)

    assert found.money.low_usd is found.money.high_usd is None


def test_a_trace_of_whole_days_brings_its_own_hours():
    """Tokens cost half in the last six hours, in which nine of ten requests of the trace come."""
    tokens = [
        row("api_offers", as_of="2026-03"),
        row(
            "api_offers", as_of="2026-03", hours_utc="18:00-00:00", input_usd_per_mtok=0.25,
            output_usd_per_mtok=0.75,
        ),
    ]  # fmt: skip
    asked = problem(workload(), time_blocks=4, supply={"tenures": ["api"]})
    audited = solved(asked, catalog(api_offers=tokens))
    times = [*np.linspace(1.0, 18.0, 100, endpoint=False), *np.linspace(18.0, 24.0, 900, False)]
    shape = Trace("day", np.array(times) * 3_600, np.full(1_000, 1_000.0), np.full(1_000, 100.0))

    (chat,) = incurred(audited, {"chat": shape}).workloads

    full = (1_000 * 0.5 + 100 * 1.5) / 1e6
    assert chat.requests == pytest.approx(3 * 730 * 3_600)
    assert chat.usd_per_request == pytest.approx(0.1 * full + 0.9 * full / 2)
    assert chat.money.plan_usd / chat.requests == pytest.approx(0.75 * full + 0.25 * full / 2)


def test_prompts_pay_the_row_of_their_own_length():
    """Long prompts cost four times as much: a mean prompt, just below, would say otherwise."""
    tokens = [
        row("api_offers", as_of="2026-03"),
        row(
            "api_offers", as_of="2026-03", prompt_from_tokens=1_500, input_usd_per_mtok=2.0,
            output_usd_per_mtok=6.0,
        ),
    ]  # fmt: skip
    asked = problem(workload(), supply={"tenures": ["api"]})
    audited = solved(asked, catalog(api_offers=tokens))
    found = incurred(audited, {"chat": trace([200.0, 1_800.0], 100.0)}, full=True, seeds=8)

    low, high = (200 * 0.5 + 100 * 1.5) / 1e6, (1_800 * 2.0 + 100 * 6.0) / 1e6
    (chat,) = found.workloads
    assert chat.usd_per_request == pytest.approx((low + high) / 2, rel=0.01)
    assert chat.money.plan_usd / chat.requests == pytest.approx((1_000 * 0.5 + 100 * 1.5) / 1e6)


def test_unknown_tokens_stand_as_planned_and_are_named(day):
    lost = replace(day, catalog=replace(day.catalog, api_offers=()))
    found = incurred(lost)

    assert found.money.usd == pytest.approx(day.plan.tco_usd)
    assert any(note.startswith("tokens of bulk from tokens:") for note in found.notes)


def test_the_machine_form_adds_up(day):
    data = incurred_data(incurred(day))

    assert data["usd"] == pytest.approx(sum(x["usd"] for x in data["lines"]))
    assert data["usd"] == pytest.approx(sum(x["usd"] for x in data["workloads"]))
    assert set(data["workloads"][0]) >= {"plan_usd", "low_usd", "usd_per_request", "parts"}


def test_a_wrong_hour_on_the_bill_is_seen(day):
    """The meter reads the nodes, not the plan's amounts: a row that is too dear shows."""
    dear = changed(day.plan, "fleet", 0, usd=lambda usd: usd + 1_000.0)

    assert incurred(day, plan=dear).money.usd == pytest.approx(incurred(day).money.usd)

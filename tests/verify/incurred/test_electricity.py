"""Electricity of bought nodes in the replay: what is drawn, at the price of its hour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.verify.incurred.run import incurred_cost
from planner.verify.replay.run import ReplaySettings, world_of
from planner.verify.replay.trace import Trace
from tests.options.world import loaded
from tests.verify.test_power_prices import DEAR, world


@pytest.fixture(scope="module")
def flat():
    """Return own nodes at a site with one price."""
    return world(0.2)


@pytest.fixture(scope="module")
def dear():
    """Return own nodes and rented ones at a site with dear hours."""
    return world(DEAR, ("owned", "on_demand"))


def incurred(audited, traces=None):
    asked = ReplaySettings(traces=traces or {})
    whole = world_of(audited.plan, loaded(audited.problem), audited.catalog, asked)
    return incurred_cost(whole, 0, 2)


def energy_usd(found):
    return sum(line.money.usd for line in found.lines if line.category == "energy")


def test_one_price_is_paid_on_what_is_drawn(flat):
    found = incurred(flat)

    kwh = sum(row.kwh for row in flat.plan.energy)
    planned = sum(line.usd for line in flat.plan.cost_lines if line.category == "energy")
    assert energy_usd(found) == pytest.approx(0.2 * kwh)
    # Everything else is as planned, and nodes are assumed to draw more than they do.
    assert found.money.more_usd == pytest.approx(energy_usd(found) - planned)
    assert energy_usd(found) < planned
    assert found.notes == ()


def test_every_block_pays_its_own_price_by_hand(dear):
    plan, total = dear.plan, 0.0
    for node in plan.fleet:
        if node.tenure == "owned" and node.accelerators:
            rows = [
                r for r in plan.allocations if (r.period, r.block) == (node.period, node.block)
            ]
            energy = next(e for e in plan.energy if e.offer_id == node.offer_id)
            idle_w = energy.idle_w_per_accelerator
            once = {(r.pool, r.option_id): r for r in rows}.values()
            load_w = sum(r.replicas * r.replica_power_w - r.accelerators * idle_w for r in once)
            load_w += sum(r.rate_rps * r.request_energy_j for r in rows)
            there = sum(
                n.accelerators
                for n in plan.fleet
                if (n.period, n.block) == (node.period, node.block)
            )
            watts = node.accelerators * (idle_w + load_w / there)
            price = DEAR[node.block * 6]
            if node.block in {1, 2}:
                assert DEAR[node.block * 6 : node.block * 6 + 6] == [price] * 6
            total += energy.pue * node.hours * watts / 1_000 * price

    assert energy_usd(incurred(dear)) == pytest.approx(total)


def test_hardware_of_unknown_power_pays_what_the_plan_says_and_is_named(flat):
    unknown = tuple(replace(row, it_kwh=None) for row in flat.plan.energy)
    found = incurred(replace(flat, plan=replace(flat.plan, energy=unknown)))

    assert found.money.usd == pytest.approx(flat.plan.tco_usd)
    assert found.notes == ("electricity of gpu-a: as planned, because what it draws is not known",)


def test_a_trace_moves_the_load_into_its_own_hours():
    """The same requests draw cheaper electricity at night, and dearer at noon."""
    own = world(DEAR)

    def day(first_h):
        spread, most = (
            np.linspace(0, 24, 50, False),
            np.linspace(first_h, first_h + 6, 2_000, False),
        )
        hours = np.sort(np.concatenate([spread, most]))
        return Trace("x", hours * 3_600, np.full(2_050, 1_000.0), np.full(2_050, 100.0))

    night, noon = (energy_usd(incurred(own, {"chat": day(hour)})) for hour in (0.0, 12.0))

    assert night < energy_usd(incurred(own)) < noon

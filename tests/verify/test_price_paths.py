"""Tokens, units and blocks at prices that move: the audit reads their paths again."""

from __future__ import annotations

import pytest

from planner.verify.audit.price_path import price_growth, tokens_sold
from planner.verify.incurred.run import incurred_cost
from planner.verify.replay.run import ReplaySettings, world_of
from tests.options.world import catalog, loaded, row
from tests.verify.changes import report
from tests.verify.conftest import Audited, solved
from tests.verify.test_provisioned import PTU, asked

HORIZON = {"start": "2027-01", "periods": 3, "months_per_period": 2}
PATHS = [
    {"name": "tokens", "model": "model-a", "steps": [{"since": "2027-04", "factor": 0.5}]},
    {"name": "units", "offer": "provisioned:ptu", "change_per_year": 0.44},
]


def falling(paths=PATHS):
    supply = {"tenures": ["api"], "provisioned": [PTU], "price_paths": paths}
    return asked(PTU, supply=supply, horizon=HORIZON)


@pytest.fixture(scope="module")
def world():
    return solved(falling(), catalog(api_offers=[row("api_offers", input_usd_per_mtok=8.0)]))


def test_tokens_and_units_follow_their_paths_by_the_audit_too(world):
    units = {u.start_period: u.usd_per_unit_hour for u in world.plan.provisioned}
    per_mtok = {t: set() for t in range(3)}
    for r in world.plan.api:
        if r.mode == "standard" and r.input_mtok > 1e-6:
            # a step from April counts from May on, the first month of the last period
            per_mtok[r.period].add(round(r.usd / (8.0 * r.input_mtok + 1.5 * r.output_mtok), 6))

    assert units[0] == pytest.approx(1.0)
    assert all(usd == pytest.approx(1.44 ** (2 * t / 12)) for t, usd in units.items())
    assert per_mtok == {0: {1.0}, 1: {1.0}, 2: {0.5}}
    assert report(world, world.plan) == []


def test_what_the_requests_cost_follows_the_paths_too(world):
    settings = ReplaySettings(traces={})

    found = incurred_cost(
        world_of(world.plan, loaded(world.problem), world.catalog, settings), 0, 2, full=False
    )

    # What units do not take in its minute is paid by use, beside what the plan pays.
    spilled_usd = sum(units.spilled_usd for units in found.units)
    usd = sum(line.money.usd for line in found.lines)
    plan_usd = sum(line.money.plan_usd for line in found.lines)
    assert usd - spilled_usd == pytest.approx(plan_usd, abs=0.01)


@pytest.mark.parametrize("paths", [[], PATHS[:1], PATHS[1:]], ids=["none", "units", "tokens"])
def test_a_plan_at_other_paths_is_reported(world, paths):
    assert report(Audited(world.plan, falling(paths), world.catalog), world.plan)


def test_a_step_inside_a_period_waits_for_the_next():
    sold = tokens_sold("tokens:a/model-a:standard", "tokens", "model-a")

    factors = [price_growth(falling(), sold, month) for month in (0, 2, 4)]

    assert factors == [1.0, 1.0, 0.5]

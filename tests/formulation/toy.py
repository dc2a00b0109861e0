"""The two-block toy problem whose rows are checked in as LP files, one per constraint family."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.deferral import Deferral
from planner.demand.records import ChainAnswers
from planner.milp import ApiLimit, AverageFloor, BudgetLimit, Limits, Quota
from planner.milp.families import FAMILIES
from planner.milp.model import build_variables
from planner.milp.objective import set_objective
from planner.milp.sets import build_sets
from planner.options.builds import Build, Payment
from planner.options.energy_records import EnergyFacts, HardwarePower, Place, PowerDraw
from planner.options.staff_records import HostingStaff
from planner.options.supply_records import (
    ModelCost,
    ProvisionedUnits,
    SpendCommitment,
    VolumeDiscount,
)
from planner.options.volumes import with_tiers
from tests import worlds

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = {
    "static_scaling": Limits(scaling="static"),
    "spares": Limits(spare_replicas=1),
    "capacity": Limits(spare_replicas=1),
    "quotas": Limits(
        changeover_h=0.5, quotas=(Quota("gpu", 12, provider="cloud"), Quota("npu", 8))
    ),
    "budgets": Limits(
        budgets=(
            BudgetLimit("cash", 0, 5e4),
            BudgetLimit("capex", 0, 3e4),
            BudgetLimit("opex", None, 2e4),
        )
    ),
    "carbon": Limits(carbon_kg_by_period=(500.0,)),
    "power": Limits(power_kw=20.0),
    "space": Limits(owned_nodes=3),
    "changeovers": Limits(changeover_h=0.5),
    "turns": Limits(changeover_h=0.5),
    "spot_share": Limits(max_spot_share=0.5),
    "provider_shares": Limits(max_share_per_provider=0.6),
    "survival": Limits(survive_loss_of="provider", survive_share=0.5),
    "api_limits": Limits(
        api_limits=(
            ApiLimit("api", "api", "live", "requests", 120.0),
            ApiLimit("api", None, "live", "input_tokens", 24_000.0),
        )
    ),
    "average_quality": Limits(average_quality=(AverageFloor("chat", 0, "exam", 0.8),)),
    "max_models": Limits(max_models=1),
    "max_hardware_types": Limits(max_hardware_types=1),
}
"""Limits of the families that need some; the others are written without limits."""

WITH_TERMS = {"builds", "staff", "budgets", "power", "space"}
"""Families of nodes that are taken on for a term: the toy then has some."""

WITH_PROVIDERS = {"provider_shares", "survival"}
"""Families that tell providers apart: the toy then has two."""


WITH_WORK_THAT_WAITS = {"backlogs", "changeovers", "quotas", "spot_share", "turns"}
"""Families of work that waits: the toy then has documents in a pool of their own, or joined."""


def write_family(name: str, path: Path) -> None:
    """Write the rows of one family on the toy, with the objective."""
    family = next(f for f in FAMILIES if f.name == name)
    demand, options = _toy()
    if name in WITH_TERMS:
        options = _with_terms(options)
    if name in WITH_WORK_THAT_WAITS:
        demand, options = _with_docs(demand, options)
    if name in WITH_PROVIDERS:
        small, *large = options.offers
        options = replace(options, offers=(replace(small, provider="other"), *large))
    if name == "escalation":
        demand, options = _with_chain(demand, options)
    if name in WITH_MORE:
        options = WITH_MORE[name](options)
    if name == "switching":
        demand, options = _in_two_periods(options)
    model = build_variables(build_sets(demand, options, LIMITS.get(name, Limits())))
    family.add(model)
    set_objective(model)
    model.problem.writeLP(str(path))


def _with_scores(options):
    """Return the toy with scores of an exam; those of the tokens are at the floor."""
    score = {"small": 0.7, "large": 0.95}
    return replace(
        options,
        capacities=tuple(replace(c, averaged=(score[c.option_id],)) for c in options.capacities),
        api=tuple(replace(a, averaged=(0.8,)) for a in options.api),
    )


def _with_terms(options):
    """Return the toy with nodes to reserve and to buy, and the people that those need."""
    return replace(
        options,
        offers=(*options.offers, worlds.reserved("lease"), worlds.owned("rack")),
        staff=HostingStaff(900.0),
    )


def _with_people(options):
    """Return the toy with people for rented nodes and tokens too, and for every node."""
    offers = [replace(o, staff_usd_per_hour=0.5) for o in options.offers]
    return replace(options, offers=tuple(offers), staff=HostingStaff(900.0, 600.0, 300.0, 150.0))


def _with_model_costs(options):
    return replace(options, model_costs=(ModelCost("m1", 1_000.0, 50.0),))


def _with_a_rival(options):
    """Return the toy with half as large replicas of another model on the npu nodes."""
    rival = worlds.option("rival", "npu", 2, "m2")
    chat = worlds.capacity("chat", "rival", 3.0)
    return replace(
        options, options=(*options.options, rival), capacities=(*options.capacities, chat)
    )


def _with_power(options):
    """Return the toy with npu nodes in two places, and the power of small replicas for chat."""
    draw = PowerDraw(100.0, 250.0, 600.0, 50.0, 1.0, 200.0)
    capacities = [
        replace(c, power=draw) if c.option_id == "small" else c for c in options.capacities
    ]
    power = (HardwarePower("gpu", 300.0, 900.0), HardwarePower("npu", 200.0, 500.0))
    places = (
        Place("gpu-6", 1.5, 400.0),
        Place("npu-8", 1.25, 400.0),
        Place("npu-4", 1.25, 40.0),
    )
    return replace(options, capacities=tuple(capacities), energy=EnergyFacts(power, places))


def _in_two_periods(options):
    """Return the toy in one block a day of two months, at the same prices, with dear moves."""
    demand = worlds.demand({"chat": [[6.0], [8.0]], "code": [[1.0], [1.0]]}, mean_share=0.5)
    offers = [replace(o, price_usd_per_hour=o.price_usd_per_hour * 2) for o in options.offers]
    tokens = [replace(a, usd_per_request=a.usd_per_request * 2) for a in options.api]
    return demand, replace(
        options, offers=tuple(offers), api=tuple(tokens), switching_usd_per_move=5_000.0
    )


def _with_docs(demand, options):
    """Documents arrive until noon, and are done within 15 h."""
    deferral = Deferral("docs", 15.0, None, np.ones(1))
    large = next(option for option in options.options if option.id == "large")
    spot = replace(large, id="large/spot", is_interruptible=True)
    docs = worlds.demand({"docs/deferred": [2.0, 0.0], "docs/joined": [0.0, 0.0]}).workloads
    waiting = tuple(replace(stream, deferral=deferral) for stream in docs)
    capacities = [
        replace(worlds.capacity("docs/deferred", "large", 10.0), job_h=0.5),
        worlds.capacity("docs/joined", "large", 8.0),
        replace(worlds.capacity("docs/deferred", "large/spot", 9.0), job_h=0.75),
    ]
    taken = replace(worlds.offer("npu-8-spot", 5.0, "npu", 8), tenure="spot")
    return (
        replace(demand, workloads=(*demand.workloads, *waiting)),
        replace(
            options,
            options=(*options.options, spot),
            offers=(*options.offers, taken),
            capacities=(*options.capacities, *capacities),
            pool_of=(*options.pool_of, ("docs/joined", "both")),
        ),
    )


def _with_chain(demand, options):
    """Small replicas answer the chat first, large ones and tokens a quarter of it again."""
    nothing = worlds.demand({"chat/first": [0.0, 0.0], "chat/then": [0.0, 0.0]}).workloads
    answers = [ChainAnswers("chat", share, np.full((1, 2), 0.5)) for share in (1.0, 0.25)]
    streams = tuple(replace(w, chain=c) for w, c in zip(nothing, answers, strict=True))
    capacities = [
        worlds.capacity("chat/first", "small", 1.5),
        worlds.capacity("chat/then", "large", 6.0),
    ]
    return (
        replace(demand, workloads=(*demand.workloads, *streams)),
        replace(
            options,
            capacities=(*options.capacities, *capacities),
            api=(*options.api, worlds.api("chat/then", 2e-3)),
        ),
    )


def _with_units(options):
    """Return the options with units of the chat's tokens, at least 4 of them in steps of 2."""
    usd_per_month = Payment(0, "api", 365.0, 1.0)
    build = Build(0, 1, 0, 1, (usd_per_month,), 0.5, "2027-01", "a test")
    units = ProvisionedUnits("provisioned:ptu", "api", "api", 6_000.0, 4, 2, None, (build,))
    tokens = replace(
        worlds.api("chat", 0.0), id=units.id, mode="provisioned", units_id=units.id,
        counted_tokens=100.0,
    )  # fmt: skip
    return replace(options, api=(*options.api, tokens), provisioned=(units,))


def _with_spend(options):
    """Return the options with promises of spending: 2 to 40 USD/h, up to 20, and in two tiers."""
    usd_per_month = Payment(0, "lease", 730.0, 1.0)
    build = Build(0, 1, 0, 1, (usd_per_month,), 1.0, "2027-01", "a test")
    listed = (("gpu-6", (4.5,)), ("npu-8", (10.0,)))
    return replace(
        options,
        spend=(
            SpendCommitment("spend:listed", "cloud", listed, 2.0, 40.0, (build,)),
            SpendCommitment("spend:all", "cloud", (("npu-8", (12.0,)),), 0.0, 20.0, (build,)),
            SpendCommitment(
                "spend:t/5", "cloud", (("npu-4", (8.0,)),), 5.0, 9.0, (build,), table="t"
            ),
            SpendCommitment(
                "spend:t/9", "cloud", (("npu-4", (7.0,)),), 9.0, None, (build,), table="t"
            ),
        ),
    )


def _with_volumes(options):
    """Return the options with discounts on rent and on tokens.

    10 % are off rent above 2,000 USD a month, and 25 % above 5,000; 20 % are off all tokens from
    300 Mtok a month on.
    """
    tiers = ((2_000.0, 0.1), (5_000.0, 0.25))
    rent = VolumeDiscount("edp", "cloud", ("on_demand",), tiers)
    tokens = VolumeDiscount("mass", "api", ("api",), ((300.0, 0.2),), "mtok", on_all=True)
    return replace(options, volumes=(rent, tokens))


def _with_order_tiers(options):
    """Return the options with terms of two offers, 10 % off from 3 nodes and 25 % from 5."""
    tiers = ((3.0, 0.1), (5.0, 0.25))
    terms = VolumeDiscount("terms", "cloud", ("reserved_1y",), tiers, "nodes", on_all=True)
    kept = worlds.reserved("lease")
    kept = replace(kept, builds=(replace(kept.builds[0], least_nodes=1),))
    leases = with_tiers([kept, worlds.reserved("wide", 0.9, accelerators=8)], [terms])
    return replace(options, offers=(*options.offers, *leases), volumes=(terms,))


def _with_order_minimums(options):
    """Return the toy with leases of at least 3 nodes, and servers of 4, one of them decided."""
    lease, rack = worlds.reserved("lease"), worlds.owned("rack")
    kept = replace(rack.builds[0], min_nodes=4, least_nodes=1)
    offers = (
        replace(lease, builds=(replace(lease.builds[0], min_nodes=3),)),
        replace(rack, builds=(kept,)),
    )
    return replace(options, offers=(*options.offers, *offers))


def _with_sales(options):
    """Return the toy with three nodes that are there and may be sold for 8,000 USD at once."""
    stays = Build(0, 1, 0, 1, (Payment(0, "maintenance", 730.0, 1.0),), 1.0, "2027-01", "a test")
    stays = replace(stays, fixed_nodes=3)
    sale = (Payment(0, "resale", -8_000.0, 1.0),)
    sold = replace(stays, end=0, payments=sale, sold_month=0, months_paid=0)
    there = replace(worlds.owned("there"), builds=(stays, sold))
    return replace(options, offers=(*options.offers, there))


def _with_dear_hours(options):
    """Return the toy with npu nodes to buy, and power that is dear in the second block."""
    options = _with_power(options)
    dear = replace(
        options.energy,
        places=(*options.energy.places, Place("rack", 1.5, 400.0, assumed_w=450.0)),
        usd_per_kwh=(0.1, 0.3),
        premium_usd_per_kwh=(0.0, 0.2),
    )
    return replace(options, offers=(*options.offers, worlds.owned("rack")), energy=dear)


WITH_MORE = {
    "average_quality": _with_scores,
    "provisioned": _with_units,
    "spend_commitments": _with_spend,
    "volume_discounts": _with_volumes,
    "order_tiers": _with_order_tiers,
    "order_minimums": _with_order_minimums,
    "carbon": _with_power,
    "model_costs": _with_model_costs,
    "power_prices": _with_dear_hours,
    "resale": _with_sales,
    "staff": _with_people,
    "quotas": _with_a_rival,
    "turns": _with_a_rival,
}
"""Families for which the options get something more."""


def _toy():
    """Chat and code share a pool; a small and a large option; two shapes; tokens for chat."""
    demand = worlds.demand({"chat": [6.0, 3.0], "code": [1.0, 0.5]}, mean_share=0.5)
    options = worlds.option_set(
        [worlds.option("small", "gpu", 1, "m0"), worlds.option("large", "npu", 4, "m1")],
        [
            worlds.capacity("chat", "small", (1, 1.0), (4, 2.0)),
            worlds.capacity("code", "small", (1, 0.8), (4, 1.6)),
            worlds.capacity("chat", "large", 8.0),
        ],
        [
            worlds.offer("gpu-6", 6.0, "gpu", 6, startup_h=0.5, min_billing_h=24.0),
            worlds.offer("npu-8", 16.0, "npu", 8, elastic_max_nodes=2),
            worlds.offer("npu-4", 9.0, "npu", 4),
        ],
        [worlds.api("chat", 1e-3)],
        {"chat": "both", "code": "both"},
    )
    return demand, options

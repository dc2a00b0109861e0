"""Solved worlds for the audit: a measured day with tokens, and a modelled chatbot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from planner.demand.build import build_demand
from planner.milp import program_limits
from planner.options.build import build_options
from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import Prepared
from planner.verify.replay import router
from tests.options.test_terms import servers, sites
from tests.options.world import catalog, loaded, problem, row, workload

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.problem.schema import Problem

DAY = [0.4] * 6 + [1.0] * 6 + [1.6] * 6 + [1.0] * 6
FLOOR = [{"benchmark": "mmlu", "min_relative": 0.9, "reference": "model-a"}]
TALK = {"pool": "talk", "quality": FLOOR, "residency": ["north"]}
MEASURED = {
    "model": "model-a",
    "quantization": "bf16",
    "hardware": "gpu-a",
    "tensor_parallel": 1,
    "engine": "vllm",
    "capacity_rps": 5.0,
}


@dataclass(frozen=True)
class Audited:
    """A plan with what its audit needs."""

    plan: Plan
    problem: Problem
    catalog: Catalog


@pytest.fixture
def every_time(monkeypatch):
    """Simulate what has been simulated already too, to see whether it comes out the same."""
    monkeypatch.setattr(router, "_simulated", router._simulated.__wrapped__)


def solved(asked, facts, measured=()):
    whole = loaded(asked, measured)
    demand = build_demand(whole, facts)
    options = build_options(whole, facts, demand)
    prepared = Prepared(whole, facts, demand, options, program_limits(asked))
    plan = solve_prepared(prepared, SolveSettings(gap=0.001, compare=False))
    return Audited(plan, asked, facts)


@pytest.fixture(scope="session")
def day():
    """Return two periods of a growing day: a pool of two workloads, and one on tokens."""
    arrival = {"mean_rate_rps": 20.0, "profile": DAY, "peak_factor_in_hour": 1.5}
    asked = problem(
        workload("chat", **TALK, arrival=arrival, growth_per_period=1.21),
        workload("code", **TALK, arrival={"mean_rate_rps": 4.0}),
        workload("bulk", prefix_cache={"hit_rate": 0.3}),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 6},
        time_blocks=4,
        performance="table.csv",
        supply={"quotas": [{"hardware": "gpu-a", "max_accelerators": 100}]},
        policy={"max_models": 1, "max_hardware_types": 1},
    )
    offers = [
        row("offers", elastic_max_nodes=50),
        row(
            "offers", valid_from="2027-07", price_usd_per_hour=1.5, as_of="2026-12",
            elastic_max_nodes=50,
        ),
    ]  # fmt: skip
    tokens = [row("api_offers", cached_input_usd_per_mtok=0.1, as_of="2026-03")]
    table = [MEASURED | {"workload": "chat"}, MEASURED | {"workload": "code", "capacity_rps": 3.0}]
    return solved(asked, catalog(offers=offers, api_offers=tokens), table)


@pytest.fixture(scope="session")
def modelled():
    """Return one static workload on modelled capacities with latency limits."""
    slo = [
        {"metric": "ttft_ms", "percentile": 99, "limit": 1000},
        {"metric": "tpot_ms", "percentile": "mean", "limit": 40},
    ]
    asked = problem(
        workload(slo=slo, quality=FLOOR, arrival={"mean_rate_rps": 30.0}),
        time_blocks=4,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
        policy={"scaling": "static", "confidence": 0.5},
    )
    return solved(asked, catalog())


@pytest.fixture(scope="session")
def terms():
    """Return two quarters with bought servers at home, a lease, nodes that are there, and rent."""
    arrival = {"mean_rate_rps": 12.0, "profile": DAY}
    asked = problem(
        workload("books", arrival=arrival, residency="on_prem_only"),
        workload("chat", arrival=arrival, growth_per_period=1.3),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 3},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={
            "tenures": ["on_demand", "reserved_1y", "owned"],
            "price_change_per_year": {"on_demand": -0.2, "reserved": -0.1, "owned": 0.1},
            "existing": [
                {
                    "hardware": "gpu-a", "tenure": "reserved_1y", "nodes": 1,
                    "accelerators_per_node": 1, "until": "2027-04", "usd_per_node_hour": 1.0,
                }
            ],
        },
        limits={"budget_usd_per_period": {"cash": 1e7, "capex": 1e7}, "power_kw": 60.0},
        one_off_costs=[{"model": "model-a", "usd": 2_000.0, "usd_per_period": 300.0}],
    )  # fmt: skip
    lease = row(
        "offers", tenure="reserved_1y", commits="both", term_months=12, upfront_fraction=0.25,
        price_usd_per_hour=0.4, as_of="2026-08",
    )  # fmt: skip
    facts = catalog(
        offers=[row("offers", elastic_max_nodes=50), lease],
        servers=servers(accelerators=1, capex_usd=20_000, it_power_w=1_500),
        sites=[*sites(), row("sites", id="default", quantity="staff_fte", value=0.1)],
    )
    table = [MEASURED | {"workload": "books"}, MEASURED | {"workload": "chat"}]
    return solved(asked, facts, table)


WEEK = {"weekday": {"days_per_year": 261.0}, "weekend": {"days_per_year": 104.0, "factor": 0.5}}


@pytest.fixture(scope="session")
def night():
    """Return a pool that talks by day, and shares its nodes with work that may wait."""
    arrival = {"mean_rate_rps": 20.0, "profile": DAY, "day_types": WEEK}
    asked = problem(
        workload(
            "chat", pool="talk", quality=FLOOR, arrival=arrival,
            deferrable={"window_h": 12.0, "share": 0.4}, growth_per_period=1.21,
        ),
        workload("code", pool="talk", arrival={"mean_rate_rps": 4.0}),
        workload(
            "docs", arrival={"mean_rate_rps": 6.0},
            deferrable={"window_h": 10.0, "release_hour": 18.0},
        ),
        workload(
            "mail", arrival={"mean_rate_rps": 0.01, "profile": DAY},
            deferrable={"window_h": 9.0},
        ),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 6},
        time_blocks=6,
        performance="table.csv",
        candidates={"quantizations": ["bf16"], "tensor_parallel": [1]},
        supply={"tenures": ["on_demand", "reserved_1y", "api"]},
        policy={"changeover_minutes": 20.0},
    )  # fmt: skip
    lease = row(
        "offers", tenure="reserved_1y", commits="both", term_months=12,
        price_usd_per_hour=1.2, as_of="2026-08",
    )  # fmt: skip
    # Every block has a price of its own, so that no other one will do.
    tokens = [
        row("api_offers", as_of="2026-03"),
        *(
            row(
                "api_offers",
                as_of="2026-03",
                input_usd_per_mtok=0.5 - 0.05 * hour / 4,
                hours_utc=f"{hour:02d}:00-{(hour + 4) % 24:02d}:00",
            )
            for hour in range(4, 24, 4)
        ),
    ]
    facts = catalog(offers=[row("offers", elastic_max_nodes=50), lease], api_offers=tokens)
    table = [MEASURED | {"workload": name} for name in ("chat", "code", "docs", "mail")]
    return solved(asked, facts, table)

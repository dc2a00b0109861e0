"""One flat workload that a single node carries: rented at 2 USD an hour, or bought."""

from __future__ import annotations

from planner.demand.build import build_demand
from planner.milp import program_limits
from planner.options.build import build_options
from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import Prepared
from tests.options.test_terms import servers, sites
from tests.options.world import catalog, loaded, problem, row, workload

RENT_USD = 2 * 730.0
"""A month of one rented node."""
CAPACITY_RPS = 5.0
MEASURED = {
    "workload": "chat",
    "model": "model-a",
    "quantization": "bf16",
    "hardware": "gpu-a",
    "tensor_parallel": 1,
    "engine": "vllm",
    "capacity_rps": CAPACITY_RPS,
}
FREE_SITE = dict.fromkeys(
    ("electricity_usd_per_kwh", "colocation_usd_per_kw_month", "staff_usd_per_fte_year"), 0.0
)
"""A site at which a server costs what it was bought for and nothing else."""


def asked(rate_rps=4.0, *, months=24, months_per_period=3, tenures=("on_demand", "owned"), **more):
    """Return the problem."""
    return problem(
        workload(arrival={"mean_rate_rps": rate_rps, "peak_factor_in_hour": 1.0}),
        horizon={
            "start": "2027-01",
            "periods": months // months_per_period,
            "months_per_period": months_per_period,
        },
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        finance={"discount_rate_per_year": more.pop("rate_per_year", 0.0)}
        | more.pop("finance", {}),
        supply={"tenures": list(tenures)} | more.pop("supply", {}),
        policy={"spare_replicas": 0, "max_utilization": 1.0},
        **more,
    )


def facts(capex_usd, *, offers=(), site=None, **server):
    """Return a catalogue with the rent, a server of one accelerator, and more offers."""
    figures = {
        "accelerators": 1, "capex_usd": capex_usd, "it_power_w": 1_000, "life_months": 60,
        "support_fraction_per_year": 0.0, "lead_time_weeks": 0.0,
    }  # fmt: skip
    rent = row("offers", elastic_max_nodes=1000, startup_minutes=0)
    return catalog(
        offers=[rent, *offers],
        api_offers=[],
        servers=servers(**figures | server),
        sites=sites(**FREE_SITE | (site or {})),
    )


def prepared(problem_asked, catalog_known, measured=(MEASURED,)):
    """Return the problem with demand and options."""
    whole = loaded(problem_asked, measured)
    demand = build_demand(whole, catalog_known)
    options = build_options(whole, catalog_known, demand)
    return Prepared(whole, catalog_known, demand, options, program_limits(problem_asked))


def solved(problem_asked, catalog_known, measured=(MEASURED,), **settings):
    """Return the plan with its comparisons."""
    ready = prepared(problem_asked, catalog_known, measured)
    return solve_prepared(ready, SolveSettings(**{"gap": 0.0, "time_limit_s": 30.0} | settings))

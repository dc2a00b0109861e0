from __future__ import annotations

import io
from dataclasses import replace

import pytest

from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import prepare

PROBLEM = """\
schema_version: 1
name: day
horizon: {start: 2027-01, periods: 1, months_per_period: 1}
time_blocks: 4
finance: {discount_rate_per_year: 0.0}
catalog: [prices]
performance: capacities.csv
workloads:
  - name: chat
    arrival: {mean_rate_rps: 10, peak_factor_in_hour: 1.0,
              profile: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]}
supply: {tenures: [on_demand], providers: [me]}
policy: {spare_replicas: 0, max_utilization: 1.0}
"""
CAPACITIES = """\
workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps
chat,m,q,box,1,e,5
"""
OFFERS = """\
provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,source,as_of,startup_minutes
me,one,here,on_demand,box,1,2,2026-12,quote,2026-12,30
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def day_plan(tmp_path):
    """A day of 4 blocks: rate 8, 8, 16, 8 requests/s, replicas of 5 requests/s at 2 USD/h."""
    (tmp_path / "prices").mkdir()
    (tmp_path / "day.yaml").write_text(PROBLEM, encoding="utf-8")
    (tmp_path / "capacities.csv").write_text(CAPACITIES, encoding="utf-8")
    (tmp_path / "prices" / "offers.csv").write_text(OFFERS, encoding="utf-8")

    return solve_prepared(prepare(tmp_path / "day.yaml"), SolveSettings(gap=0.0))


@pytest.fixture
def two_period_plan(day_plan):
    """The same allocations in two periods."""
    return replace(
        day_plan,
        allocations=(
            *day_plan.allocations,
            *(replace(a, period=1) for a in day_plan.allocations),
        ),
        fleet=(*day_plan.fleet, *(replace(f, period=1) for f in day_plan.fleet)),
    )


@pytest.fixture
def terminal():
    """A stream that says it is a terminal."""
    return Terminal()

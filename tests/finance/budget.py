"""A budget run: growing demand over a year, on rent, a lease, or servers that come later."""

from __future__ import annotations

import pytest

from planner.pipeline import SolveSettings, solve_prepared
from planner.plan.json_io import plan_json
from planner.preparation import prepare
from planner.verify.audit import audit

PROBLEM = """\
schema_version: 1
name: budget
horizon: {start: 2027-01, periods: 4, months_per_period: 3}
time_blocks: 4
finance: {discount_rate_per_year: 0.0}
catalog: [facts]
performance: capacities.csv
workloads:
  - name: chat
    arrival: {mean_rate_rps: 20, peak_factor_in_hour: 1.0,
              profile: [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]}
    growth_per_period: 1.2
supply:
  tenures: [on_demand, reserved_1y, owned]
  providers: [me]
  servers: [box]
  site: home
policy: {spare_replicas: 0, max_utilization: 1.0}
"""
CAPACITIES = """\
workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps
chat,m,q,h100-sxm-80gb,1,e,5
"""
OFFERS = """\
provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,source,as_of,startup_minutes,elastic_max_nodes,commits,term_months,upfront_fraction
me,one,here,on_demand,h100-sxm-80gb,1,2,2026-12,quote,2026-12,0,100,,,
me,one,here,reserved_1y,h100-sxm-80gb,1,1.1,2026-12,quote,2026-12,,,both,12,0.25
"""
SERVERS = """\
id,quantity,case,value,source,as_of
box,accelerators,h100-sxm-80gb,1,quote,2026-12
box,capex_usd,,24000,quote,2026-12
box,it_power_w,,1000,quote,2026-12
box,life_months,,48,quote,2026-12
box,support_fraction_per_year,,0.06,quote,2026-12
box,lead_time_weeks,,26,quote,2026-12
"""
SITES = """\
id,quantity,case,value,source,as_of
home,electricity_usd_per_kwh,,0.1,quote,2026-12
home,pue,,1.5,quote,2026-12
home,colocation_usd_per_kw_month,,100,quote,2026-12
home,staff_usd_per_fte_year,,120000,quote,2026-12
home,staff_fte,per-8-gpu-server,0,quote,2026-12
home,staff_fte,,0,quote,2026-12
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("budget")
    (place / "facts").mkdir()
    files = {
        "budget.yaml": PROBLEM, "capacities.csv": CAPACITIES, "facts/offers.csv": OFFERS,
        "facts/servers.csv": SERVERS, "facts/sites.csv": SITES,
    }  # fmt: skip
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


def solve(folder, assignments=(), incumbent=None, *, keep_orders=False, **settings):
    ready = prepare(
        folder / "budget.yaml", None, assignments, incumbent=incumbent, keep_orders=keep_orders
    )
    plan = solve_prepared(ready, SolveSettings(**{"gap": 0.0, "compare": False} | settings))
    assert audit(plan, ready.loaded.problem, ready.catalog) == []
    return plan, plan_json(plan)

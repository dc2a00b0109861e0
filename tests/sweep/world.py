"""A day of four blocks that one kind of replica serves: every cost can be counted by hand.

Rates are 8, 8, 16 and 8 requests/s and a replica carries 5, so 2 + 2 + 4 + 2 = 10 replicas run for
6 hours each. On `one`, at 2 USD an hour and without start-up, a month costs
10 x 6 h x 2 USD x 365 / 12.
"""

from __future__ import annotations

from dataclasses import replace

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
    lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 20}}
supply: {tenures: [on_demand], providers: [me]}
policy: {spare_replicas: 0, max_utilization: 1.0}
limits: {budget_usd: 1_000_000}
scenarios:
  busy: {workloads: [{name: chat, arrival: {mean_rate_rps: 20}}]}
"""
CAPACITIES = """\
workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps
chat,m,q,box,1,e,5
"""
OFFERS = """\
provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,source,as_of,startup_minutes,elastic_max_nodes
me,one,here,on_demand,box,1,2,2026-12,quote,2026-12,0,1000
"""
RATE = "workloads.chat.arrival.mean_rate_rps"
SPARES = "policy.spare_replicas"
BUDGET = "limits.budget_usd"
REPLICA_USD = 2 * 6 * 365 / 12
"""A month of one replica in one block."""


def write_day(folder, offers=OFFERS):
    """Write the problem with its tables, and return its path."""
    (folder / "prices").mkdir()
    (folder / "day.yaml").write_text(PROBLEM, encoding="utf-8")
    (folder / "capacities.csv").write_text(CAPACITIES, encoding="utf-8")
    (folder / "prices" / "offers.csv").write_text(offers, encoding="utf-8")
    return folder / "day.yaml"


def untimed(outcome):
    """The same without what differs from run to run."""
    return replace(outcome, solve_seconds=None, processor_seconds=None)

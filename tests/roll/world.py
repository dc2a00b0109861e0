"""Two quarters, one kind of node: every cost can be counted by hand.

A replica carries 5 requests/s on a node of one accelerator. By the hour a node costs 2 USD, for a
year 1.2 USD an hour whatever comes. There is no discounting, and what is due after the horizon is
left out, so a node-quarter is 3 x 730 h: 4,380 USD by the hour, 2,628 USD reserved.
"""

from __future__ import annotations

PROBLEM = """\
schema_version: 1
name: two-quarters
horizon: {start: 2027-01, periods: 2, months_per_period: 3}
time_blocks: 1
finance: {discount_rate_per_year: 0.0, commitment_tail: pro_rata}
catalog: [prices]
performance: capacities.csv
workloads:
  - name: chat
    arrival: {mean_rate_rps: 10, peak_factor_in_hour: 1.0}
supply: {tenures: [on_demand, reserved_1y], providers: [me]}
policy: {spare_replicas: 0, max_utilization: 1.0}
"""
CAPACITIES = """\
workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps
chat,m,q,box,1,e,5
"""
OFFERS = """\
provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,source,as_of,startup_minutes,elastic_max_nodes
me,one,here,on_demand,box,1,2,2026-12,quote,2026-12,0,1000
me,one,here,reserved_1y,box,1,1.2,2026-12,quote,2026-12,0,1000
"""
HOURS = 3 * 730
RENT_USD, LEASE_USD = 2.0 * HOURS, 1.2 * HOURS
"""A node for a quarter, by the hour and reserved."""
HEADER = (
    "period,workload,requests_per_day,rate_factor,provider,hardware,model,tenure,"
    "usd_per_accelerator_hour,price_factor\n"
)


def write_quarters(folder, problem=PROBLEM, offers=OFFERS):
    """Write the problem with its tables, and return its path."""
    (folder / "prices").mkdir(exist_ok=True)
    (folder / "quarters.yaml").write_text(problem, encoding="utf-8")
    (folder / "capacities.csv").write_text(CAPACITIES, encoding="utf-8")
    (folder / "prices" / "offers.csv").write_text(offers, encoding="utf-8")
    return folder / "quarters.yaml"


def write_actuals(folder, *rates, prices=()):
    """Write rate factors of `chat` by period, and rows ``(period, tenure, USD)`` of prices."""
    lines = [f"{t},chat,,{rate},,,,,,\n" for t, rate in enumerate(rates)]
    lines += [f"{t},,,,,,,{tenure},{usd},\n" for t, tenure, usd in prices]
    path = folder / "actuals.csv"
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path

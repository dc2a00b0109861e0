"""A few nodes for two years of half-years: every policy can be enumerated by hand.

One workload, one kind of replica of one accelerator that carries 5 requests/s, one block. Nodes
are rented at 2 USD an hour, reserved for a year at 1.2, or bought for 9,000 USD, half a year after
the order. Without discounting, an hour of a node in a period costs what it costs and nothing else.
"""

from __future__ import annotations

PERIOD_H = 6 * 730.0
CAPACITY_RPS = 5.0
RENT_USD_PER_HOUR = 2.0
RESERVED_USD_PER_HOUR = 1.2
CAPEX_USD = 9_000.0
PERIODS = 4

PROBLEM = """\
schema_version: 1
name: halves
horizon: {{start: 2027-01, periods: 4, months_per_period: 6}}
time_blocks: 1
finance: {{discount_rate_per_year: 0.0, terminal_value: none}}
catalog: [prices]
performance: capacities.csv
workloads:
  - name: chat
    arrival: {{mean_rate_rps: 5, peak_factor_in_hour: 1.0}}
    growth_per_period: 1.0
    lengths: {{isl_tokens: {{mean: 100}}, osl_tokens: {{mean: 20}}}}
candidates: {{models: [m]}}
supply: {{tenures: [on_demand, {tenures}], providers: [me], servers: [box-1x], site: bare}}
policy: {{spare_replicas: 0, max_utilization: 1.0}}
scenarios:
{scenarios}
"""
CAPACITIES = """\
workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps
chat,m,q,h100-sxm-80gb,1,e,5
"""
OFFERS = """\
provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,source,as_of,startup_minutes,elastic_max_nodes
me,one,here,on_demand,h100-sxm-80gb,1,2,2026-12,quote,2026-12,0,1000
me,one,here,reserved_1y,h100-sxm-80gb,1,1.2,2026-12,quote,2026-12,0,1000
"""
SERVERS = """\
id,quantity,case,value,low,high,source,as_of,notes
box-1x,accelerators,h100-sxm-80gb,1,,,a quote,2026-12,
box-1x,capex_usd,,9000,,,a quote,2026-12,
box-1x,it_power_w,,1000,,,a quote,2026-12,
box-1x,life_months,,48,,,a quote,2026-12,
box-1x,support_fraction_per_year,,0,,,a quote,2026-12,
box-1x,lead_time_weeks,,26,,,a quote,2026-12,
"""
SITES = """\
id,quantity,case,value,low,high,source,as_of,notes
bare,electricity_usd_per_kwh,,0,,,a quote,2026-12,
bare,pue,,1,,,a quote,2026-12,
bare,colocation_usd_per_kw_month,,0,,,a quote,2026-12,
bare,staff_usd_per_fte_year,,0,,,a quote,2026-12,
bare,staff_fte,,0,,,a quote,2026-12,
"""


def scenario(name, probability, growth, known_from=None, more=""):
    """Return a scenario in which the rate grows by factors."""
    known = "" if known_from is None else f" known_from: {known_from},"
    workloads = f"[{{name: chat, growth_per_period: {growth}}}]"
    return f"  {name}: {{probability: {probability},{known}{more} workloads: {workloads}}}"


def write_halves(folder, scenarios, tenures="reserved_1y, owned"):
    """Write the problem with its tables, and return its path."""
    (folder / "prices").mkdir(exist_ok=True)
    text = PROBLEM.format(scenarios="\n".join(scenarios), tenures=tenures)
    (folder / "halves.yaml").write_text(text, encoding="utf-8")
    (folder / "capacities.csv").write_text(CAPACITIES, encoding="utf-8")
    tables = (("offers", OFFERS), ("servers", SERVERS), ("sites", SITES))
    for name, text in tables:
        (folder / "prices" / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder / "halves.yaml"


def without_cost_of_support(prices):
    """Take the cost of support out of a folder of prices: no server can be bought then."""
    servers = prices / "servers.csv"
    kept = [line for line in servers.read_text().splitlines() if "support_fraction" not in line]
    servers.write_text("\n".join(kept) + "\n")

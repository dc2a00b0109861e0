"""Money and people beyond what a program can hold beside the rest: refused, with the range."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.problem.load import load_problem

ABSURD = """\
one_off_costs: [{model: m, usd: 1.0e+15, usd_per_period: 1.0e+30}]
supply:
  tenures: [on_demand]
  electricity_usd_per_kwh: 1.0e+6
  software_usd_per_accelerator_hour: {default: 1.0e+15}
  staff:
    usd_per_fte_year: 1.0e+12
    owned: {fte: 1.0e+12, fte_per_node: 1.0e+9}
    rented: {fte: 1.0e+12}
    api: {fte: 1.0e+12, fte_per_offer: 1.0e+9}
  existing:
    - {hardware: h, tenure: owned, nodes: 9000000, accelerators_per_node: 9000000,
       usd_per_node_hour: 1.0e+15, resale: {usd_per_node: 1.0e+15, change_per_year: 0}}
  provisioned:
    - {name: u, provider: p, model: m, usd_per_unit_hour: 1.0e+15, output_weight: 1.0e+9,
       tokens_per_minute_per_unit: 1.0e-9, max_units: 1000000000}
  capacity_blocks:
    - {name: b, provider: p, hardware: h, accelerators_per_node: 1, since: 2027-01, until: 2027-04,
       max_nodes: 1000000000, usd_per_node_hour: 1.0e+15}
  spend_commitments:
    - {name: s, provider: p, term_months: 12, discount: 0.5, max_usd_per_hour: 1.0e+15}
  volume_discounts:
    - {name: v, provider: p, tiers: [{from_usd_per_month: 1.0e+15, discount: 0.1}]}
  order_minimums: [{name: o, min_nodes: 1000000000}]
  price_change_per_year: {api: 1.0e+15}
policy: {switching_cost_usd_per_move: 1.0e+15}
"""
EXPECTED = {
    "one_off_costs.0.usd": "1e+10",
    "one_off_costs.0.usd_per_period": "1e+10",
    "supply.electricity_usd_per_kwh": "100",
    "supply.software_usd_per_accelerator_hour.default": "1e+06",
    "supply.staff.usd_per_fte_year": "1e+07",
    "supply.staff.owned.fte": "10000",
    "supply.staff.owned.fte_per_node": "10000",
    "supply.staff.rented.fte": "10000",
    "supply.staff.api.fte": "10000",
    "supply.staff.api.fte_per_offer": "10000",
    "supply.existing.0.nodes": "1e+06",
    "supply.existing.0.accelerators_per_node": "1e+06",
    "supply.existing.0.usd_per_node_hour": "1e+06",
    "supply.existing.0.resale.usd_per_node": "1e+10",
    "supply.provisioned.u.usd_per_unit_hour": "1e+06",
    "supply.provisioned.u.output_weight": "1000",
    "supply.provisioned.u.tokens_per_minute_per_unit": "0.001",
    "supply.provisioned.u.max_units": "1e+06",
    "supply.capacity_blocks.b.max_nodes": "1e+06",
    "supply.capacity_blocks.b.usd_per_node_hour": "1e+06",
    "supply.spend_commitments.s.max_usd_per_hour": "1e+06",
    "supply.volume_discounts.v.tiers.0.from_usd_per_month": "1e+10",
    "supply.order_minimums.o.min_nodes": "1e+06",
    "supply.price_change_per_year.api": "10",
    "policy.switching_cost_usd_per_move": "1e+10",
}


def test_every_absurd_amount_is_told_at_once_with_the_range(problem_file):
    path = problem_file(("policy: {spare_replicas: 1}\n", ABSURD))
    lines = path.read_text(encoding="utf-8").splitlines()

    with pytest.raises(InputError) as error:
        load_problem(path)

    found = {f.path: f for f in error.value.faults}
    assert found.keys() == EXPECTED.keys()
    for name, limit in EXPECTED.items():
        fault = found[name]
        word = "at least" if name.endswith("_per_unit") else "at most"
        assert f"is out of range; it must be {word} {limit}" in fault.message
        assert lines[fault.line - 1][fault.column - 1 :].startswith(name.rpartition(".")[2])


@pytest.mark.parametrize(
    ("rate", "horizon", "most"),
    [
        (10, "periods: 20, months_per_period: 12", "0.585"),
        (10, "periods: 8, months_per_period: 12", "2.16"),
        (10, "periods: 3, months_per_period: 12", None),
        (0.5, "periods: 20, months_per_period: 12", None),
    ],
)
def test_prices_do_not_rise_beyond_ten_thousand_times(problem_file, rate, horizon, most):
    """11 ** 3 = 1,331 fits; over 20 years 10,000 ** (1 / 20) - 1 = 0.585 a year does."""
    supply = (
        f"supply:\n  price_change_per_year: {{owned: {rate}}}\n  price_paths:\n"
        f"    - {{name: a, hardware: h, change_per_year: {rate}}}\npolicy:"
    )
    path = problem_file(("periods: 2", horizon), ("policy:", supply))
    if most is None:
        assert load_problem(path).problem.supply.price_change_per_year.owned == rate
        return

    with pytest.raises(InputError) as error:
        load_problem(path)

    assert [f.path for f in error.value.faults] == [
        "supply.price_change_per_year.owned", "supply.price_paths.a.change_per_year",
    ]  # fmt: skip
    assert all(f"at most {most} with this horizon" in f.message for f in error.value.faults)

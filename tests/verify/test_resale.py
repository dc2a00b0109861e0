"""A plan that sells nodes: rows, payments, dates and shares are recomputed, and changes show."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest

from planner.pipeline import SolveSettings, solve_prepared
from planner.report.text import write_plan
from tests.finance.world import prepared
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, every_change, report
from tests.verify.conftest import DAY, MEASURED, Audited, solved

PLACE = "existing:existing-0:north:owned"
VALUES = [9_000, 8_000, 7_500, 6_900]


def there(**changes):
    stated = {
        "hardware": "gpu-a", "tenure": "owned", "nodes": 6, "accelerators_per_node": 1,
        "usd_per_node_hour": 0.5, "region": "north", "resale": {"usd_per_node": VALUES},
    }  # fmt: skip
    return stated | changes


def world(*existing):
    asked = problem(
        workload("chat", arrival={"mean_rate_rps": 9.0, "profile": DAY}, growth_per_period=0.6),
        workload("code", arrival={"mean_rate_rps": 2.0}),
        horizon={"start": "2027-01", "periods": 3, "months_per_period": 3},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"], "existing": list(existing)},
        finance={"discount_rate_per_year": 0.08},
    )
    table = [MEASURED | {"workload": "chat"}, MEASURED | {"workload": "code"}]
    return solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]), table)


@pytest.fixture(scope="module")
def sale():
    """Return three quarters of falling load on six owned nodes."""
    return world(there())


def position(plan, sold_month):
    return next(i for i, c in enumerate(plan.commitments) if c.sold_month == sold_month)


def test_a_plan_that_sells_nodes_is_sound(sale):
    assert sale.plan.status == "optimal"
    assert report(sale, sale.plan) == []
    assert sum(c.nodes for c in sale.plan.commitments) == 6
    assert {c.sold_month for c in sale.plan.commitments} > {None}


def test_a_sale_is_a_line_of_its_own_discounted_from_its_date(sale):
    plan = sale.plan
    sold = [c for c in plan.commitments if c.sold_month is not None]
    lines = [line for line in plan.cost_lines if line.category == "resale"]

    start = {"2027-01": 0, "2027-04": 1, "2027-07": 2}
    usd = sum(c.nodes * VALUES[start[c.sold_month]] for c in sold)
    later = sum(
        c.nodes * VALUES[start[c.sold_month]] * 1.08 ** (-start[c.sold_month] / 4) for c in sold
    )
    assert sum(line.usd for line in lines) == pytest.approx(-usd)
    assert sum(line.discounted_usd for line in lines) == pytest.approx(-later)
    assert {line.tenure for line in lines} == {"owned"}
    for c in sold:
        cash = [f for f in plan.cash_flows if (f.plan, f.month) == ("plan", c.sold_month)]
        paid = sum(f.usd for f in cash if f.kind == "cash")
        assert paid < 0  # more comes in than is paid in this month


def test_nodes_that_stay_keep_the_value_stated_for_the_end(sale):
    stay = sum(c.nodes for c in sale.plan.commitments if c.sold_month is None)
    left = sum(line.usd for line in sale.plan.cost_lines if line.category == "terminal_value")

    assert stay > 0
    assert left == pytest.approx(-stay * VALUES[-1])
    assert sum(r.terminal_value_usd for r in sale.plan.money_by_period) == pytest.approx(left)


def test_sold_nodes_never_come_back(sale):
    for t in range(3):
        count = sum(
            c.nodes
            for c in sale.plan.commitments
            if c.sold_month is None or c.sold_month > f"2027-{3 * t + 1:02d}"
        )
        rows = [r.nodes for r in sale.plan.fleet if (r.offer_id, r.period) == (PLACE, t)]
        assert set(rows) <= {count}
        assert len(rows) == (4 if count else 0)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sold_month": "2027-05"}, "sold within a period, or outside the horizon"),
        ({"sold_month": "2027-10"}, "sold within a period, or outside the horizon"),
        ({"sold_month": "soon"}, "which is no month"),
        ({"sold_month": None}, "USD, the tables give"),
        ({"nodes": lambda n: n + 1}, "7 nodes of supply.existing item 0, the problem has 6"),
        ({"usd": lambda usd: usd * 1.01}, "USD, the tables give"),
        ({"discounted_usd": lambda usd: usd * 1.01}, "USD discounted, the tables give"),
        ({"end_month": "2027-09"}, "end month 2027-09, expected"),
    ],
)
def test_changed_sales_are_reported(sale, changes, text):
    at = next(i for i, c in enumerate(sale.plan.commitments) if c.sold_month is not None)

    found = report(sale, changed(sale.plan, "commitments", at, **changes))

    assert any(text in line for line in found), found


def test_nodes_sold_twice_are_reported(sale):
    at = next(i for i, c in enumerate(sale.plan.commitments) if c.sold_month is not None)
    rows = (*sale.plan.commitments, sale.plan.commitments[at])
    figures = (*sale.plan.commitment_figures, *sale.plan.commitment_figures[at : at + 1])

    found = report(sale, replace(sale.plan, commitments=rows, commitment_figures=figures))

    assert any(re.search(r"commitment .* is listed 2 times", line) for line in found)
    assert any("nodes of supply.existing item 0, the problem has 6" in line for line in found)


def test_nodes_that_serve_after_their_sale_are_reported(sale):
    plan = sale.plan
    last = [r for r in plan.fleet if r.offer_id == PLACE][-1]
    at = plan.fleet.index(last)

    found = report(sale, changed(plan, "fleet", at, nodes=lambda n: n + 1))

    assert any("nodes, " in line and "taken on" in line for line in found), found


def test_a_sale_without_a_stated_price_is_reported(sale):
    supply = sale.problem.supply
    plain = [supply.existing[0].model_copy(update={"resale": None})]
    asked = sale.problem.model_copy(
        update={"supply": supply.model_copy(update={"existing": plain})}
    )

    found = report(replace(sale, problem=asked), sale.plan)

    assert any("sold, but the problem states no resale" in line for line in found)


def test_a_sale_after_the_end_of_nodes_is_reported(sale):
    supply = sale.problem.supply
    first = min(c.sold_month for c in sale.plan.commitments if c.sold_month)
    gone = [supply.existing[0].model_copy(update={"until": first})]
    asked = sale.problem.model_copy(
        update={"supply": supply.model_copy(update={"existing": gone})}
    )

    found = report(replace(sale, problem=asked), sale.plan)

    assert any("sold after their end" in line for line in found)


TABLES = {"commitments", "commitment_figures", "cost_lines", "cash_flows", "money_by_period"}


def test_no_single_figure_changes_unnoticed(sale):
    unnoticed = {
        (table, name)
        for table, name, plan in every_change(sale.plan)
        if table in TABLES and not report(sale, plan)
    }

    assert unnoticed == set()


def test_a_plan_that_sells_everything_at_once_is_sound():
    dear = there(usd_per_node_hour=40.0)

    gone = world(dear)

    assert report(gone, gone.plan) == []
    assert [(c.sold_month, c.nodes) for c in gone.plan.commitments] == [("2027-01", 6)]
    assert {r.offer_id for r in gone.plan.fleet} == {"cloud:one:north:on_demand"}
    first = gone.plan.money_by_period[0]
    assert first.amortised_usd < first.cash_usd + 1e-6


def test_a_resale_of_nothing_changes_nothing():
    plain, worthless = (
        world(there(resale=None)),
        world(there(resale={"usd_per_node": 0, "change_per_year": 0.0})),
    )

    for table in ("allocations", "fleet", "commitments", "cost_lines", "cash_flows"):
        assert getattr(worthless.plan, table) == getattr(plain.plan, table)
    assert worthless.plan.cost_usd == plain.plan.cost_usd


@pytest.fixture(scope="module")
def calendar():
    """Return two owned nodes that nearly idle, with the order calendar."""
    asked = problem(
        workload("chat", arrival={"mean_rate_rps": 0.1}),
        horizon={"start": "2027-01", "periods": 3, "months_per_period": 3},
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={
            "tenures": ["on_demand"],
            "existing": [
                there(nodes=2, usd_per_node_hour=1.0, resale={"usd_per_node": [0, 9e3, 5e3, 1e3]})
            ],
        },
        finance={"discount_rate_per_year": 0.0},
        policy={"spare_replicas": 0},
    )
    table = [MEASURED | {"workload": "chat"}]
    ready = prepared(asked, catalog(offers=[row("offers")]), table)
    settings = SolveSettings(gap=0.0, compare=True, commitments=True, unit_costs="full")
    return Audited(solve_prepared(ready, settings), asked, ready.catalog)


def test_a_sale_stands_in_the_order_calendar_with_the_cost_of_a_delay(calendar):
    plan = calendar.plan
    (order,) = plan.order_calendar

    # Both are kept for a quarter and then sold: rent is cheaper than to keep one. A quarter later
    # each brings 4,000 less and was paid for 2,190 more, and no rent was paid.
    assert (order.order_month, order.order_by) == ("2027-04", "2027-04-01")
    assert order.orders == (f"sell 2 x {PLACE}",)
    assert order.delay_usd == pytest.approx(2 * (4_000 + 2_190) - 4_380)
    assert report(calendar, plan) == []


def test_tokens_alone_sell_the_nodes_when_that_costs_least():
    def all_api(*existing):
        asked = problem(
            workload("chat", arrival={"mean_rate_rps": 0.1}),
            horizon={"start": "2027-01", "periods": 3, "months_per_period": 3},
            performance="table.csv",
            candidates={"quantizations": ["bf16"]},
            supply={"tenures": ["on_demand", "api"], "existing": list(existing)},
            finance={"discount_rate_per_year": 0.0},
        )
        table = [MEASURED | {"workload": "chat"}]
        ready = prepared(asked, catalog(offers=[row("offers")]), table)
        plan = solve_prepared(ready, SolveSettings(gap=0.0, compare=True))
        return next(b.cost_usd for b in plan.baselines if b.name == "all_api")

    tokens = all_api()

    # A quarter of a node costs 2,190; the best moment is the start of the second one.
    sold = all_api(there(nodes=2, usd_per_node_hour=1.0, resale={"usd_per_node": [5, 4e3, 0, 1]}))
    assert sold == pytest.approx(tokens + 2 * (2_190 - 4_000))
    kept = all_api(there(nodes=2, usd_per_node_hour=0.0, resale={"usd_per_node": [0, 1, 1, 9]}))
    assert kept == pytest.approx(tokens - 2 * 9)


@pytest.mark.parametrize(
    "changes", [{"orders": ()}, {"order_month": "2027-07"}, {"order_by": "2027-04-02"}]
)
def test_a_changed_sale_in_the_calendar_is_reported(calendar, changes):
    assert report(calendar, changed(calendar.plan, "order_calendar", 0, **changes))


def test_sales_are_shown_where_commitments_are(calendar, capsys):
    write_plan(sys.stdout, calendar.plan, months=9)
    shown = capsys.readouterr().out

    assert "sold 2027-04" in shown
    assert "resale" in shown
    assert "what they bring is stated by the problem" in shown


def lines_of(plan, name):
    return sum(line.usd for line in plan.cost_lines if line.workload == name)


def test_unit_costs_are_those_of_serving_and_say_what_comes_back():
    """What six nodes bring is worth more than all else costs: tokens still cost something."""
    dear = [20 * usd for usd in VALUES]
    sold = world(there(resale={"usd_per_node": dear}))
    back = [line for line in sold.plan.cost_lines if line.category in {"resale", "terminal_value"}]

    assert report(sold, sold.plan) == []
    assert sum(u.existing_worth_usd for u in sold.plan.unit_costs) == pytest.approx(
        sum(line.usd for line in back)
    )
    for unit in sold.plan.unit_costs:
        served = served_requests(sold, unit.workload)
        assert unit.usd_per_request > 0 > lines_of(sold.plan, unit.workload)
        total = unit.usd_per_request * served + unit.existing_worth_usd
        assert total == pytest.approx(lines_of(sold.plan, unit.workload))


def served_requests(sold, name):
    hours = {row.block: row.hours for row in sold.plan.fleet}
    rows = [row for row in sold.plan.allocations if row.workload == name]
    return sum(row.rate_rps * hours[row.block] * 3600 for row in rows)


def test_a_changed_worth_of_existing_nodes_is_found(sale):
    found = report(
        sale, changed(sale.plan, "unit_costs", 0, existing_worth_usd=lambda x: x * 1.01)
    )

    assert any("USD for nodes that were there, recomputed" in text for text in found)

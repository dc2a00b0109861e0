"""What a reader sees, checked against a plan worked out by hand.

Rates of 8, 8, 16, 8 requests/s need 2, 2, 4, 2 replicas of 5 requests/s. Two nodes start half an
hour before block 2: a day costs 2 USD x ((2 + 2 + 4 + 2) x 6 h + 2 x 0.5 h) = 122 USD.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from planner.plan.finance_rows import ProvisionedRow
from planner.report.text import write_plan
from planner.units import HOURS_PER_MONTH

USD_PER_DAY = 2 * (10 * 6 + 2 * 0.5)


@pytest.fixture
def printed(day_plan, terminal):
    write_plan(terminal, day_plan, months=1)
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())


def test_cost_is_the_one_worked_out_by_hand(day_plan):
    assert day_plan.cost_usd == pytest.approx(USD_PER_DAY * HOURS_PER_MONTH / 24)


def test_headline_states_cost_per_month_and_day_and_the_proof(printed):
    lines = printed.splitlines()

    assert lines[0].startswith("day: 3,711 USD per month, 122.00 per day")
    assert lines[1].startswith("optimal: within 0.00% of the optimum (bound 3,711 USD")


def test_bands_show_replicas_nodes_load_and_cost_per_hour(printed):
    rows = [line for line in printed.splitlines() if re.match(r"\d\d-\d\d ", line)]

    assert [row.split()[0] for row in rows] == ["00-12", "12-18", "18-24"]
    assert "4 x m/q/e/box/tp1" in rows[1]
    assert "80%" in rows[1]
    assert "4 x me one (here)" in rows[1]
    assert rows[1].endswith("8.00")
    assert rows[0].rstrip().endswith("4.17")  # 2 nodes, and 2 x 0.5 h of start-up in 12 h


def test_assumptions_and_counts_are_named(printed):
    assert "options: 1 considered, 1 feasible" in printed
    assert "oldest price used: 2026-12" in printed
    assert "at most 8 nodes per offer" in printed


def test_provisioned_units_are_listed_and_their_cost_is_said_to_stand_apart(day_plan, terminal):
    units = ProvisionedRow(
        "provisioned:ptu", "azure", "m", 15, 37_500.0, "2027-01", "2028-01", 0, 1.5, 197_100.0,
        190_000.0, 180_675.0, "2027-01", "the problem",
    )  # fmt: skip

    write_plan(terminal, replace(day_plan, provisioned=(units,)), months=1)

    text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    row = next(line for line in text.splitlines() if "15 x provisioned:ptu" in line)
    assert {"2027-01", "2028-01", "37,500", "1.50", "197,100"} <= set(row.split())
    assert "provisioned units apart" in text
    assert "paid whether used or not (prices are the problem's)" in text


def test_periods_get_a_column_of_their_own(two_period_plan, terminal):
    write_plan(terminal, two_period_plan, months=2)

    assert "period" in terminal.getvalue()

"""Growth 1.21 per period, by hand: the mean is at mid-period, the plan at the dearer end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.demand.build import build_demand
from planner.options.build import build_options
from planner.plan.costs import cost_lines, unit_costs
from planner.plan.shares import load_in_replicas
from planner.plan.tables import allocation_rows, api_rows
from tests.options.world import catalog, loaded, problem, workload
from tests.plan.small import decisions, flow, replicas
from tests.worlds import capacity, option, option_set


@pytest.fixture
def asked():
    return problem(
        workload(
            "w",
            arrival={"mean_rate_rps": 10.0, "peak_factor_in_hour": 1.5},
            growth_per_period=1.21,
        ),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 6},
    )


def test_mean_rate_takes_mid_period_and_planned_rate_the_end(asked):
    rates = build_demand(loaded(asked), catalog()).of("w")

    assert rates.mean_rps[:, 0] == pytest.approx([11.0, 13.31])
    assert rates.planned_rps[:, 0] == pytest.approx([15 * 1.21, 15 * 1.4641])


def test_allocations_of_both_periods_state_both_rates(asked):
    rates = build_demand(loaded(asked), catalog())
    options = option_set([option("o")], [capacity("w", "o", 5.0)], [], pools={"w": "w"})
    planned = [float(rates.of("w").planned_rps[t, 0]) for t in (0, 1)]
    decided = decisions(
        [replicas("o", 5, period=t) for t in (0, 1)],
        [flow("o", planned[t], period=t) for t in (0, 1)],
    )

    rows = allocation_rows(rates, options, decided)

    assert [r.rate_rps for r in rows] == pytest.approx([11.0, 13.31])
    assert [r.planned_rate_rps for r in rows] == pytest.approx([18.15, 21.9615])
    assert [r.utilization for r in rows] == pytest.approx([11 / 25, 13.31 / 25])


def test_shrinking_demand_is_planned_at_the_start():
    shrinking = problem(
        workload("w", arrival={"mean_rate_rps": 10.0, "peak_factor_in_hour": 1.0},
                 growth_per_period=0.81),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 6},
    )  # fmt: skip

    rates = build_demand(loaded(shrinking), catalog()).of("w")

    assert rates.mean_rps[:, 0] == pytest.approx([9.0, 7.29])
    assert rates.planned_rps[:, 0] == pytest.approx([10.0, 8.1])


def test_tokens_and_unit_costs_take_the_lengths_in_the_middle_of_each_period():
    growing = problem(
        workload(
            "w", arrival={"mean_rate_rps": 10.0, "peak_factor_in_hour": 1.0},
            growth_per_period=[4.0, 1.0],
            length_growth_per_period={"isl": [1.21, 1.0], "osl": 4.0},
        ),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 1},
        supply={"tenures": ["api"]},
    )  # fmt: skip
    whole, facts = loaded(growing), catalog()
    rates = build_demand(whole, facts)
    options = build_options(whole, facts, rates)
    planned = [float(rates.of("w").planned_rps[t, 0]) for t in (0, 1)]
    bought = [flow(options.api[0].id, planned[t], period=t) for t in (0, 1)]
    decided = decisions(api_flows=bought)

    rows = api_rows(rates, options, decided)
    lines = cost_lines(rates, options, decided, (), rows)
    (unit,) = unit_costs(rates, options, decided, lines, ())

    # 20/s with 1,100 + 200 tokens, then 40/s with 1,210 + 800, each for 2.628 million seconds.
    month_s = 730 * 3_600
    outputs = [20 * month_s * 200 / 1e6, 40 * month_s * 800 / 1e6]
    inputs = [20 * month_s * 1_100 / 1e6, 40 * month_s * 1_210 / 1e6]
    usd = 0.5 * sum(inputs) + 1.5 * sum(outputs)
    assert [r.output_mtok for r in rows] == pytest.approx(outputs)
    assert [r.input_mtok for r in rows] == pytest.approx(inputs)
    assert sum(r.usd for r in rows) == pytest.approx(usd)
    assert unit.usd_per_request == pytest.approx(usd / (60 * month_s))
    assert unit.usd_per_million_output_tokens == pytest.approx(usd / sum(outputs))
    assert unit.usd_per_million_tokens == pytest.approx(usd / (sum(inputs) + sum(outputs)))


def test_allocations_state_the_capacity_of_their_period(asked):
    rates = build_demand(loaded(asked), catalog())
    halves = [capacity("w", "o", mu).points for mu in (10.0, 5.0)]
    grown = replace(capacity("w", "o", 10.0), by_period=tuple(halves))
    options = option_set([option("o")], [grown], [], pools={"w": "w"})
    decided = decisions(
        [replicas("o", 5, period=t) for t in (0, 1)],
        [flow("o", float(rates.of("w").planned_rps[t, 0]), period=t) for t in (0, 1)],
    )

    rows = allocation_rows(rates, options, decided)

    assert [r.capacity_rps for r in rows] == [10.0, 5.0]
    assert [r.utilization for r in rows] == pytest.approx([11 / 50, 13.31 / 25])
    assert sum(load_in_replicas(rates, options, decided).values()) == pytest.approx(
        15 * 1.21 / 10 + 15 * 1.4641 / 5
    )

"""Growth 1.21 per period, by hand: the mean is at mid-period, the plan at the dearer end."""

from __future__ import annotations

import pytest

from planner.demand.build import build_demand
from planner.plan.tables import allocation_rows
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

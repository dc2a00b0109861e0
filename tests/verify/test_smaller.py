"""Plans with fewer replicas: nothing that is asked for goes missing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest

from planner.verify.places import place_of
from planner.verify.smaller import (
    counts_of,
    removal_order,
    unserved_places,
    with_less,
    without_spares,
)


def asked(plan):
    """Return mean and planned rates of every workload in every block, by pool."""
    rates = defaultdict(lambda: [0.0, 0.0])
    for row in plan.allocations:
        mine = rates[row.pool, row.workload, row.is_deferred, row.period, row.block]
        mine[0] += row.rate_rps
        mine[1] += row.planned_rate_rps
    return {key: [round(rate, 9) for rate in value] for key, value in rates.items()}


def two_kinds(plan, first=4, second=2):
    """Return a plan whose rows are shared by two options, the second of half the capacity."""
    rows = []
    for row in plan.allocations:
        for name, count, factor in (("large", first, 1.0), ("small", second, 0.5)):
            part = count * factor / (first + second / 2)
            rows.append(
                replace(
                    row, option_id=name, replicas=count, capacity_rps=factor * row.capacity_rps,
                    rate_rps=part * row.rate_rps, planned_rate_rps=part * row.planned_rate_rps,
                )
            )  # fmt: skip
    return replace(plan, allocations=tuple(rows))


@pytest.mark.parametrize("less", [0, 1, 3])
def test_less_replicas_serve_the_same_requests(day, less):
    plan = two_kinds(day.plan)
    places = {place_of(row) for row in plan.allocations}

    smaller = with_less(plan, dict.fromkeys(places, less))

    assert asked(smaller) == asked(plan)
    before, after = counts_of(plan), counts_of(smaller)
    for place in places:
        taken = {key[3]: before[key] - after[key] for key in before if key[:3] == place}
        assert sum(taken.values()) == less


def test_those_that_carry_least_go_first_and_one_of_each_stays(day):
    plan = two_kinds(day.plan, first=3, second=3)
    place = place_of(plan.allocations[0])

    names = [key[3].split()[-1] for key in removal_order(plan, place)]

    assert names == ["small", "small", "large", "large"]


def test_requests_leave_an_option_with_its_replicas(day):
    plan = two_kinds(day.plan, first=4, second=2)
    row = plan.allocations[0]
    place = place_of(row)

    smaller = with_less(plan, {place: 1})

    # By hand: 4 : 1 in capacity before, as is the load; then 4 : 0.5.
    planned = {
        r.option_id: r.planned_rate_rps
        for r in smaller.allocations
        if (r.workload, place_of(r)) == (row.workload, place)
    }
    assert planned["large"] / planned["small"] == pytest.approx(8.0)


def test_the_largest_replicas_are_the_spares_and_others_take_their_requests(day):
    plan = two_kinds(day.plan, first=1, second=4)

    left = without_spares(plan, 2)

    assert {(r.option_id, r.replicas) for r in left.allocations} == {("small", 3)}
    assert asked(left) == asked(plan)
    assert unserved_places(plan, left) == set()


def test_a_workload_without_replicas_is_not_forgotten(day):
    plan = day.plan
    most = max(row.replicas for row in plan.allocations)

    nothing = without_spares(plan, most)

    assert unserved_places(plan, nothing) == {
        place_of(row) for row in plan.allocations if row.planned_rate_rps
    }

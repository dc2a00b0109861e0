from __future__ import annotations

import numpy as np
import pytest

from planner.milp import Limits
from planner.milp.columns import exchange_ratios
from planner.milp.sets import build_sets
from tests import worlds


def sets_of(capacities, planned, limits=None, options=None, pools=None, offers=None):
    return build_sets(
        worlds.demand(planned),
        worlds.option_set(
            options or [worlds.option("o")],
            capacities,
            offers or [worlds.offer("node")],
            pools=pools,
        ),
        limits or Limits(),
    )


def test_a_column_is_an_option_in_a_bracket():
    sets = sets_of([worlds.capacity("chat", "o", (1, 1.0), (4, 3.0))], {"chat": [100.0]})

    assert [c.min_replicas for c in sets.columns] == [1, 4]
    assert [c.last_replicas for c in sets.columns] == [3, None]
    assert [c.mu_rps[0][0][0] for c in sets.columns] == [1.0, 3.0]


def test_workloads_of_a_pool_share_the_union_of_brackets():
    sets = sets_of(
        [
            worlds.capacity("a", "o", (1, 1.0), (2, 2.0)),
            worlds.capacity("b", "o", (1, 5.0), (4, 9.0)),
        ],
        {"a": [100.0], "b": [100.0]},
        pools={"a": "p", "b": "p"},
    )

    assert [(c.min_replicas, dict(c.mu_rps[0][0])) for c in sets.columns] == [
        (1, {0: 1.0, 1: 5.0}),
        (2, {0: 2.0, 1: 5.0}),
        (4, {0: 2.0, 1: 9.0}),
    ]


def test_a_workload_joins_in_the_bracket_where_its_first_point_starts():
    sets = sets_of(
        [worlds.capacity("a", "o", 1.0), worlds.capacity("b", "o", (3, 2.0))],
        {"a": [9.0], "b": [9.0]},
        pools={"a": "p", "b": "p"},
    )

    assert [sorted(c.mu_rps[0][0]) for c in sets.columns] == [[0], [0, 1]]


def test_brackets_that_carry_no_more_are_one_column():
    sets = sets_of([worlds.capacity("chat", "o", (1, 1.0), (2, 1.0), (4, 2.0))], {"chat": [99.0]})

    assert [(c.min_replicas, c.last_replicas) for c in sets.columns] == [(1, 3), (4, None)]


def test_brackets_above_what_the_demand_needs_are_dropped():
    sets = sets_of(
        [worlds.capacity("chat", "o", (1, 1.0), (4, 2.0), (8, 3.0))], {"chat": [2.5, 5.0]}
    )

    most = [[int(x) for x in sets.n_max[c, 0]] for c in range(3)]

    assert most == [[3, 3], [0, 4], [0, 0]]


def test_a_higher_bracket_stays_when_only_it_serves_a_workload_of_the_pool():
    sets = sets_of(
        [worlds.capacity("a", "o", 1.0), worlds.capacity("b", "o", (4, 1.0))],
        {"a": [1.0], "b": [1.0]},
        pools={"a": "p", "b": "p"},
    )

    assert int(sets.n_max[1, 0, 0]) == 4


def test_spares_raise_the_most_replicas_worth_having_by_the_largest_replica():
    capacities = [worlds.capacity("chat", "o", 1.0), worlds.capacity("chat", "big", 5.0)]
    options = [worlds.option("o"), worlds.option("big")]

    sets = sets_of(capacities, {"chat": [2.0]}, Limits(spare_replicas=1), options)

    assert [int(n) for n in sets.n_max[:, 0, 0]] == [2 + 5, 2]


def test_static_scaling_takes_the_busiest_block():
    sets = sets_of(
        [worlds.capacity("chat", "o", 1.0)], {"chat": [1.0, 4.0]}, Limits(scaling="static")
    )

    assert sets.n_max[0].tolist() == [[4, 4]]


def test_a_block_without_demand_has_no_columns():
    sets = sets_of([worlds.capacity("chat", "o", 1.0)], {"chat": [0.0, 1.0]})

    assert sets.n_max[0].tolist() == [[0, 1]]


def test_an_option_whose_size_divides_no_node_has_no_column():
    sets = sets_of(
        [worlds.capacity("chat", "o", 1.0)],
        {"chat": [1.0]},
        options=[worlds.option("o", accelerators=4)],
        offers=[worlds.offer("six", accelerators=6), worlds.offer("two", accelerators=2)],
    )

    assert sets.columns == ()


def test_an_offer_without_any_price_holds_no_column():
    sets = sets_of(
        [worlds.capacity("chat", "o", 1.0)], {"chat": [1.0]}, offers=[worlds.offer("n", [None])]
    )

    assert sets.columns == ()


def test_exchange_ratio_is_the_worst_over_workloads():
    sets = sets_of(
        [
            worlds.capacity("a", "o", 1.0),
            worlds.capacity("b", "o", 3.0),
            worlds.capacity("a", "big", 4.0),
            worlds.capacity("b", "big", 6.0),
        ],
        {"a": [1.0], "b": [1.0]},
        options=[worlds.option("o"), worlds.option("big")],
        pools={"a": "p", "b": "p"},
    )

    ratio = exchange_ratios(sets.columns)

    assert ratio == pytest.approx(np.array([[1.0, 1 / 4], [2.0, 1.0]]))


def test_a_column_that_cannot_run_a_workload_replaces_nothing():
    sets = sets_of(
        [
            worlds.capacity("a", "o", 1.0),
            worlds.capacity("a", "big", 4.0),
            worlds.capacity("b", "big", 4.0),
        ],
        {"a": [1.0], "b": [1.0]},
        options=[worlds.option("o"), worlds.option("big")],
        pools={"a": "p", "b": "p"},
    )

    ratio = exchange_ratios(sets.columns)

    assert ratio.tolist() == [[1.0, 0.0], [4.0, 1.0]]


@pytest.mark.parametrize(("peak_rps", "unit_rps"), [(3.0, 1.0), (250.0, 100.0), (0.02, 0.01)])
def test_the_rate_unit_is_the_power_of_ten_below_the_peak(peak_rps, unit_rps):
    sets = sets_of([worlds.capacity("chat", "o", 1.0)], {"chat": [peak_rps, peak_rps / 7]})

    assert sets.rate_unit_rps[0] == pytest.approx(unit_rps)


def test_without_pools_every_workload_has_its_own():
    sets = sets_of([worlds.capacity("a", "o", 1.0)], {"a": [1.0], "b": [1.0]})

    assert sets.pools == ("a", "b")
    assert sets.workloads_of_pool == ((0,), (1,))

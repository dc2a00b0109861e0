"""The packing rows are exact for sizes that divide each other, on any shapes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.milp.check_fleet import fits_nodes
from planner.milp.fleet import billing_blocks
from planner.milp.homes import unions
from tests import worlds

SIZES = (1, 2, 4, 8)
SHAPES = (1, 2, 4, 6, 8, 12, 16)


def fitting(size, nodes):
    """Return the offers that hold replicas of a size; every shape is one offer."""
    return frozenset(shape for shape in set(nodes) if shape % size == 0)


def rows_hold(replicas, nodes):
    """Evaluate the packing rows for whole replicas and nodes."""
    fits = {size: fitting(size, nodes) for size in replicas}
    return all(
        sum(size * n for size, n in replicas.items() if fits[size] <= union)
        <= sum(shape for shape in nodes if shape in union)
        for union in unions(fits.values())
    )


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.sampled_from(SIZES), st.integers(1, 6), max_size=4),
    st.lists(st.sampled_from(SHAPES), max_size=6),
)
def test_the_rows_hold_exactly_when_the_replicas_fit(replicas, nodes):
    kinds = {(size, frozenset(SHAPES)): count for size, count in replicas.items()}
    offers = [(shape, shape) for shape in nodes]

    assert rows_hold(replicas, nodes) is fits_nodes(kinds, offers)


def test_a_size_that_fits_nothing_breaks_its_row():
    assert not rows_hold({4: 1}, [6, 6])


def test_unions_of_nested_sets_are_the_sets_themselves():
    sets = [fitting(size, SHAPES) for size in SIZES]

    assert unions(sets) == sorted(set(sets), key=len)


def test_unions_of_crossing_sets_are_added():
    found = unions([frozenset({4, 12}), frozenset({6, 12})])

    assert found == [frozenset({4, 12}), frozenset({6, 12}), frozenset({4, 6, 12})]


def test_billing_blocks_round_up_and_end_with_the_day():
    offers = [worlds.offer("n", min_billing_h=h) for h in (0.0, 1.0, 1.5, 100.0)]

    assert [billing_blocks(offer, 1.0, 24) for offer in offers] == [1, 1, 2, 24]

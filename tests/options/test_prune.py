"""Options that others make pointless, and the proof that nothing is lost without them."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.options.prune import prune, rate_at
from tests.worlds import capacity, option

LOADS_RPS = (0.5, 1.7, 4.0, 9.3, 21.0)
REPLICAS = (1, 2, 4)


def kept(options, capacities, *, same_model_only=False):
    winners, _ = prune(options, capacities, same_model_only=same_model_only)
    return [o.id for o in winners]


def test_slower_option_of_the_same_size_is_dropped():
    options = [option("slow"), option("fast")]

    assert kept(options, [capacity("w", "slow", 1.0), capacity("w", "fast", 2.0)]) == ["fast"]


def test_dropped_option_names_the_winner_and_the_copies():
    options = [option("small"), option("large", accelerators=4)]
    rates = [capacity("w", "small", 1.0), capacity("w", "large", 3.9)]

    _, dropped = prune(options, rates, same_model_only=False)

    assert [(d.subject, d.reason) for d in dropped] == [("large", "dominated")]
    assert dropped[0].detail == "4 x small carries at least as much on the same accelerators"


def test_larger_option_that_carries_more_than_its_copies_stays():
    options = [option("small"), option("large", accelerators=4)]
    rates = [capacity("w", "small", 1.0), capacity("w", "large", 4.1)]

    assert kept(options, rates) == ["small", "large"]


def test_copies_share_a_queue_of_their_own_number():
    # Two replicas of the small option share a queue and carry 2.5 each: 5 for one large one.
    options = [option("small"), option("large", accelerators=2)]
    rates = [capacity("w", "small", (1, 1.0), (2, 2.5)), capacity("w", "large", 4.9)]

    assert kept(options, rates) == ["small"]


def test_every_bracket_of_the_loser_must_be_carried():
    # One large replica carries 4; two small ones only 2. With many replicas the small ones win.
    options = [option("small"), option("large", accelerators=2)]
    rates = [capacity("w", "small", (1, 1.0), (8, 9.0)), capacity("w", "large", 4.0)]

    assert kept(options, rates) == ["small", "large"]


def test_option_that_needs_more_replicas_than_its_copies_does_not_win():
    options = [option("needs-two"), option("alone")]
    rates = [capacity("w", "needs-two", (2, 9.0)), capacity("w", "alone", 1.0)]

    assert kept(options, rates) == ["needs-two", "alone"]


def test_every_workload_of_the_loser_must_be_carried():
    options = [option("chat-only"), option("both")]
    rates = [capacity("chat", "chat-only", 9.0), capacity("chat", "both", 1.0),
             capacity("code", "both", 1.0)]  # fmt: skip

    assert kept(options, rates) == ["chat-only", "both"]


def test_never_across_hardware():
    options = [option("slow"), option("fast", hardware="other")]

    rates = [capacity("w", "slow", 1.0), capacity("w", "fast", 2.0)]

    assert kept(options, rates) == ["slow", "fast"]


def test_sizes_that_do_not_divide_are_not_compared():
    options = [option("two", accelerators=2), option("three", accelerators=3)]

    assert kept(options, [capacity("w", "two", 9.0), capacity("w", "three", 1.0)]) == [
        "two",
        "three",
    ]


@pytest.mark.parametrize(("same_model_only", "winners"), [(True, 2), (False, 1)])
def test_models_are_kept_apart_when_their_number_is_capped(same_model_only, winners):
    options = [option("slow", model="a"), option("fast", model="b")]
    rates = [capacity("w", "slow", 1.0), capacity("w", "fast", 2.0)]

    assert len(kept(options, rates, same_model_only=same_model_only)) == winners


def test_of_two_equal_options_the_first_name_stays_in_any_order():
    options = [option("b"), option("a")]
    rates = [capacity("w", "a", 1.0), capacity("w", "b", 1.0)]

    assert kept(options, rates) == kept(options[::-1], rates) == ["a"]


def test_kept_options_keep_their_order():
    options = [option("z", hardware="x"), option("a", hardware="y"), option("m", hardware="z")]
    rates = [capacity("w", o.id, 1.0) for o in options]

    assert kept(options, rates) == ["z", "a", "m"]


def test_rate_needs_enough_replicas_in_the_queue():
    found = capacity("w", "o", (2, 1.0), (4, 3.0))

    assert [rate_at(found, n, 0) for n in (1, 2, 3, 4, 99)] == [0.0, 1.0, 1.0, 3.0, 3.0]


@st.composite
def worlds(draw):
    """Draw options of one hardware type with capacities that never fall with the replicas."""
    options, rates = [], []
    for i in range(draw(st.integers(2, 6))):
        size = draw(st.sampled_from([1, 2, 4]))
        options.append(option(f"o{i}", accelerators=size))
        steps = draw(st.lists(st.floats(0.1, 3.0), min_size=3, max_size=3))
        start = draw(st.integers(0, 2))
        points = [(r, sum(steps[: k + 1])) for k, r in enumerate(REPLICAS)][start:]
        rates.append(capacity("w", f"o{i}", *points))
    return options, rates


def least_accelerators(options, rates, load_rps, spares):
    """Return the fewest accelerators of one option that carry the load after losing spares."""
    by_id = {c.option_id: c for c in rates}
    found = []
    for item, replicas in product(options, range(1, 121)):
        rate = rate_at(by_id[item.id], replicas, 0)
        if rate * (replicas - spares) >= load_rps * (1 - 1e-9):
            found.append(replicas * item.accelerators)
    return min(found, default=None)


@given(worlds(), st.sampled_from(LOADS_RPS), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_no_dropped_option_beats_what_is_kept(world, load_rps, spares):
    options, rates = world
    winners, _ = prune(options, rates, same_model_only=False)

    best = least_accelerators(options, rates, load_rps, spares)

    assert least_accelerators(winners, rates, load_rps, spares) == best


@given(worlds())
def test_every_option_is_kept_or_dropped_once_and_one_always_stays(world):
    options, rates = world

    winners, dropped = prune(options, rates, same_model_only=False)

    assert winners
    assert sorted([o.id for o in winners] + [d.subject for d in dropped]) == sorted(
        o.id for o in options
    )


@given(worlds())
def test_pruning_again_drops_nothing(world):
    options, rates = world
    winners, _ = prune(options, rates, same_model_only=False)

    again, dropped = prune(winners, [c for c in rates if c.option_id in {o.id for o in winners}],
                           same_model_only=False)  # fmt: skip

    assert again == winners
    assert dropped == []

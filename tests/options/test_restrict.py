"""The same options under one restriction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.options.prune import prune
from planner.options.restrict import restrict
from tests.worlds import api, capacity, offer, option, option_set


@pytest.fixture
def everything():
    options = [option("slow"), option("fast"), option("other", hardware="tpu")]
    rates = [capacity("w", "slow", 1.0), capacity("w", "fast", 2.0), capacity("w", "other", 1.0)]
    kept, pruned = prune(options, rates, same_model_only=False)
    offers = [offer("one"), offer("two", hardware="tpu")]
    whole = option_set(kept, rates, offers, [api("w", 0.1)], {"w": "w"})
    dominated = tuple(o for o in options if o not in kept)
    return replace(whole, dominated=dominated, pruned=tuple(pruned))


def ids(options):
    return [o.id for o in options]


def test_dominated_option_comes_back_when_its_winner_falls_away(everything):
    found = restrict(everything, lambda o: o.id != "fast", tokens=True, same_model_only=False)

    assert set(ids(found.options)) == {"slow", "other"}
    assert found.dominated == ()
    assert found.pruned == ()


def test_dominated_option_stays_out_while_its_winner_stays(everything):
    found = restrict(everything, lambda _: True, tokens=True, same_model_only=False)

    assert set(ids(found.options)) == {"fast", "other"}
    assert ids(found.dominated) == ["slow"]
    assert [p.subject for p in found.pruned] == ["slow"]


def test_capacities_and_nodes_of_dropped_options_fall_away(everything):
    found = restrict(everything, lambda o: o.hardware == "tpu", tokens=True, same_model_only=False)

    assert {c.option_id for c in found.capacities} == {"other"}
    assert [n.offer_id for n in found.offers] == ["two"]


@pytest.mark.parametrize(("tokens", "count"), [(True, 1), (False, 0)])
def test_tokens_stay_only_when_asked_for(everything, tokens, count):
    found = restrict(everything, lambda _: True, tokens=tokens, same_model_only=False)

    assert len(found.api) == count


def test_nothing_left_is_an_empty_set(everything):
    found = restrict(everything, lambda _: False, tokens=False, same_model_only=False)

    assert (found.options, found.capacities, found.offers) == ((), (), ())

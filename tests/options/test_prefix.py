"""A cache of prefixes: what it holds by its size, and what it takes from requests in flight."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.options.candidates import Candidate
from planner.options.capacity import modelled_capacities
from planner.options.engine_setting import EngineSetting
from planner.options.prefix import prefix_levels
from planner.options.specs import replica_spec
from planner.perf.memory import memory_fit
from tests.options.world import catalog, demand, lengths, problem, row, workload

FACTS = catalog()
TTFT = {"metric": "ttft_ms", "percentile": 99, "limit": 1000}
CURVE = [[100_000, 0.2], [300_000, 0.3]]
MIXED = lengths(isl=(800.0, 3000.0, 6000.0), osl=(100.0, 200.0, 150.0))


def candidate(**accelerator):
    return Candidate(
        row("models"), row("quantizations"), row("engines"), row("accelerators", **accelerator),
        1, "bf16",
    )  # fmt: skip


def levels(*workloads, rates=None, **distributions):
    asked = problem(*workloads)
    day = demand(asked, **distributions)
    if rates:
        served = tuple(replace(w, mean_rps=w.mean_rps * rates[w.workload]) for w in day.workloads)
        day = replace(day, workloads=served)
    return prefix_levels(asked.workloads, day)


def carried(way=None, **changes):
    """Return the capacity record of one workload on one option."""
    asked = problem(workload(slo=[TTFT], **changes))
    way = way or candidate()
    found = modelled_capacities(asked, FACTS, demand(asked, chat=MIXED), {"chat": [way]})
    (capacity,) = found.capacities
    return capacity


def most(capacity):
    return capacity.points[-1].planned_rps


def test_without_a_curve_there_is_one_level_and_nothing_is_set_aside():
    (plain,) = levels(workload())
    (rate,) = levels(workload(prefix_cache={"hit_rate": 0.3}))

    assert (plain.reserved_tokens, plain.hit_rate) == (0.0, {"chat": 0.0})
    assert (rate.reserved_tokens, rate.hit_rate) == (0.0, {"chat": 0.3})


def test_the_points_of_a_curve_are_the_sizes_tried_and_none_at_all():
    found = levels(workload(prefix_cache={"curve": CURVE}))

    assert [(lv.reserved_tokens, lv.hit_rate["chat"]) for lv in found] == [
        (0.0, 0.0), (100_000.0, 0.2), (300_000.0, 0.3),
    ]  # fmt: skip


def test_a_pool_shares_the_cache_by_prompt_tokens():
    # 1 request/s x 1,000 tokens against 3 requests/s x 1,000: a quarter and three quarters.
    cached = {"pool": "p", "prefix_cache": {"curve": [[100_000, 0.2]]}}

    found = levels(workload("a", **cached), workload("b", **cached), rates={"a": 1.0, "b": 3.0})

    # 400,000 tokens give `a` its 100,000; at 133,333 it has a third of them, and of the hits.
    assert [lv.reserved_tokens for lv in found] == pytest.approx([0.0, 400_000 / 3, 400_000])
    assert found[1].hit_rate == pytest.approx({"a": 0.2 / 3, "b": 0.2})
    assert found[2].hit_rate == pytest.approx({"a": 0.2, "b": 0.2})


def test_tokens_set_aside_are_not_there_for_requests():
    spec = [replica_spec(candidate(), FACTS)]

    whole = memory_fit(spec, max_tokens_per_request=1000)
    less = memory_fit(spec, max_tokens_per_request=1000, reserved_kv_tokens=100_001)

    # Whole blocks of 16 tokens are set aside.
    assert whole.kv_capacity_tokens[0] - less.kv_capacity_tokens[0] == 100_016


def test_setting_aside_more_than_there_is_leaves_no_room():
    spec = [replica_spec(candidate(), FACTS)]

    fit = memory_fit(spec, max_tokens_per_request=1000, reserved_kv_tokens=1e9)

    assert fit.kv_capacity_tokens[0] == 0
    assert not fit.fits[0]


def test_a_cache_that_finds_nothing_is_not_set_aside():
    capacity = carried(prefix_cache={"curve": [[100_000, 0.0]]})

    assert capacity.setting == EngineSetting(8192)
    assert most(capacity) == most(carried())


def test_the_size_at_which_the_option_carries_most_is_chosen():
    capacity = carried(prefix_cache={"curve": CURVE})
    alone = [most(carried(prefix_cache={"curve": [point]})) for point in CURVE]

    assert capacity.setting.prefix_tokens in {100_000.0, 300_000.0}
    assert most(capacity) == max(*alone, most(carried()))
    assert most(capacity) > most(carried())


def test_a_cache_that_does_not_fit_beside_the_requests_is_left_out():
    huge = carried(prefix_cache={"curve": [[100_000, 0.2], [50_000_000, 0.9]]})

    assert huge.setting == EngineSetting(8192, 100_000.0, 0.2)


def test_a_curve_never_carries_more_than_its_best_rate_for_free():
    curve = carried(prefix_cache={"curve": CURVE})

    assert most(curve) <= most(carried(prefix_cache={"hit_rate": 0.3}))


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 0.99)), min_size=1, max_size=30),
)
def test_levels_rise_in_size_and_in_hits(points):
    sizes = sorted({size for size, _ in points})
    rates = sorted(rate for _, rate in points)[: len(sizes)]
    curve = [[float(size), rate] for size, rate in zip(sizes, rates, strict=True)]

    found = levels(workload(prefix_cache={"curve": curve}))

    assert len(found) <= 12
    for low, high in pairwise(found):
        assert low.reserved_tokens < high.reserved_tokens
        assert low.hit_rate["chat"] <= high.hit_rate["chat"]

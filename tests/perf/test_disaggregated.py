"""Rates of units: what each side bounds, and what one search over both has to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.perf.disaggregated import (
    BOUNDS,
    Instances,
    max_unit_rates,
    unloaded_unit_latencies_s,
)
from planner.perf.handover import HandoverParameters, handovers
from planner.perf.memory import memory_fit
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from planner.perf.traffic import LatencyLimit

FIXED_S = 0.02
LOOSE = (LatencyLimit("ttft", 99.0, 60.0), LatencyLimit("tpot", None, 1.0))
SAMPLES = 256


def side(spec, count, longest=5000.0):
    fit = memory_fit([spec], max_tokens_per_request=longest)
    return Instances(step_model([spec]), fit, engine_limits([spec]), np.array([float(count)]))


@pytest.fixture(scope="session")
def unit(spec_of, chat):
    """Return a function that solves a unit of 8B instances for chat."""

    def solve(x, y, limits=LOOSE, *, traffic=None, probes=None, recomputed=False, **options):
        engine = options.pop("engine", {})
        first = spec_of("llama-3.1-8b", **engine)
        then = spec_of("llama-3.1-8b", **options.pop("decode_engine", engine))
        load = replace(traffic or chat, limits=tuple(limits))
        parameters = [HandoverParameters(0.2, options.pop("fixed_s", FIXED_S), recomputed)]
        options = {"replicas": (1,), "samples": SAMPLES} | options
        return max_unit_rates(
            side(first, x),
            side(then, y),
            handovers([(first, then)], parameters),
            load,
            [load] if probes is None else probes,
            **options,
        )

    return solve


def rate(found):
    return float(found.rate_rps[0, 0])


def limit(found):
    return found.limit_texts[int(found.limit[0, 0])]


def test_without_tight_limits_the_side_with_less_room_decides(unit):
    roomy = {"decode_engine": {"max_num_seqs": 4096}}
    narrow, wide = unit(1, 8), unit(8, 1, **roomy)

    assert limit(narrow) == "prefill utilization"
    assert rate(unit(2, 16)) == pytest.approx(2 * rate(narrow))
    assert limit(wide) == "decode memory"
    assert rate(unit(16, 2, **roomy)) == pytest.approx(2 * rate(wide))


def test_latencies_without_load_need_no_search(spec_of, chat):
    first, then = (spec_of("llama-3.1-8b", max_num_seqs=seqs) for seqs in (64, 256))
    passed = handovers([(first, then)], [HandoverParameters(0.2, FIXED_S, recomputed=False)])
    sides = (side(first, 1), side(then, 2), passed)
    asked = {"time_factor": 1.3, "samples": SAMPLES}

    alone = unloaded_unit_latencies_s(*sides, chat, **asked)

    assert np.array_equal(alone, max_unit_rates(*sides, chat, [chat], **asked).unloaded_s)
    assert (alone > 0).all()


def test_utilization_is_a_share_of_the_lesser_saturation(unit):
    full, half = (unit(1, 8, (), max_utilization=share) for share in (1.0, 0.5))

    assert rate(full) == pytest.approx(float(full.saturation_rps[0]))
    assert rate(half) == pytest.approx(rate(full) / 2)


def test_a_balanced_unit_carries_what_its_sides_carry(unit):
    # Limits on TTFT and on mean TPOT separate: the lesser side alone decides.
    limits = (LatencyLimit("ttft", 99.0, 1.0), LatencyLimit("tpot", None, 0.012))

    one = unit(1, 1, limits)

    by_ttft, by_tpot = unit(1, 50, limits), unit(50, 1, limits)
    assert limit(by_ttft) in {"ttft p99 of chat", "prefill utilization"}
    assert limit(by_tpot) == "tpot mean of chat"
    assert rate(one) == pytest.approx(min(rate(by_ttft), rate(by_tpot)), rel=0.02)


def test_mean_tpot_is_the_decode_step_by_littles_law(unit, chat, spec_of):
    found = unit(50, 1, (LatencyLimit("tpot", None, 0.012),))

    step = step_model([spec_of("llama-3.1-8b")])
    gaps = float(chat.probability @ (chat.osl_tokens - 1))
    batch = rate(found) * gaps * 0.012
    weight = chat.probability * chat.osl_tokens
    context = float(weight @ (chat.isl_tokens + chat.osl_tokens / 2) / weight.sum())
    assert float(step.time_s(batch, batch * context, 0.0, batch)[0]) == pytest.approx(
        0.012, rel=0.01
    )


def test_no_prompt_rides_in_a_gap_between_tokens(unit, world):
    limits = (LatencyLimit("itl", 99.0, 0.02),)

    apart = unit(4, 1, limits)

    together = world.with_limits(*limits).solve(replicas=(1,), samples=SAMPLES)
    assert rate(apart) > 5 * max(float(together.rate_rps[0, 0]), 0.1)


def test_a_limit_on_the_whole_request_looks_at_both_sides(unit):
    limits = (LatencyLimit("e2e", 99.0, 4.0),)

    both, prefill, decode = unit(1, 1, limits), unit(1, 50, limits), unit(50, 1, limits)

    assert limit(both) == "e2e p99 of chat"
    assert rate(both) < min(rate(prefill), rate(decode))


def test_units_that_share_a_queue_carry_more_each(unit):
    limits = (LatencyLimit("ttft", 99.0, 0.3), LatencyLimit("tpot", 99.0, 0.012))

    found = unit(1, 1, limits, replicas=(1, 2, 4, 8)).rate_rps[0]

    assert found.tolist() == sorted(found.tolist())
    assert found[-1] > 1.1 * found[0]


def test_what_the_handover_takes_is_missing_from_the_time_to_first_token(unit):
    def unloaded_s(**options):
        return float(unit(1, 1, (LatencyLimit("ttft", None, 60.0),), **options).unloaded_s[0, 0])

    plain = unloaded_s()

    assert unloaded_s(fixed_s=FIXED_S + 0.1) == pytest.approx(plain + 0.1)
    assert unloaded_s(recomputed=True) > plain + 0.004


def test_a_handover_longer_than_the_limit_leaves_no_rate(unit):
    found = unit(1, 1, (LatencyLimit("ttft", 99.0, 0.5),), fixed_s=1.0)

    assert rate(found) == 0
    assert limit(found) == "ttft p99 of chat"
    assert found.unloaded_s[0, 0] > 1


def test_prompts_that_wait_to_be_handed_over_fill_the_prefill_memory(unit):
    found = unit(1, 8, (), fixed_s=30.0)

    assert limit(found) == "prefill memory"
    # Half a minute of about 1,100 tokens each must fit some 400,000 tokens.
    assert rate(found) == pytest.approx(0.9 * 400_000 / (30 * 1100), rel=0.35)


def test_settings_of_the_decode_instances_bound_their_requests(unit):
    found = unit(8, 1, decode_engine={"max_num_seqs": 4})

    assert limit(found) == "decode batch limit"


def test_models_too_large_for_an_instance_carry_nothing(unit, spec_of, chat):
    small, large = spec_of("llama-3.1-8b"), spec_of("llama-3.3-70b")
    parameters = [HandoverParameters(0.2, FIXED_S, recomputed=False)]

    found = max_unit_rates(
        side(large, 1), side(small, 1), handovers([(large, small)], parameters), chat, [chat],
        samples=SAMPLES,
    )  # fmt: skip

    assert not found.rate_rps.any()
    assert limit(found) == "prefill memory"


def test_every_class_of_a_pool_is_probed(unit, chat):
    strict = replace(chat, name="strict", limits=(LatencyLimit("itl", 99.0, 0.011),))
    loose = replace(chat, limits=LOOSE)

    alone, shared = unit(4, 1, probes=[loose]), unit(4, 1, probes=[loose, strict])

    assert rate(shared) < rate(alone)
    assert limit(shared) == "itl p99 of strict"


def test_slower_units_carry_less(unit):
    assert rate(unit(1, 1, time_factor=1.5)) == pytest.approx(rate(unit(1, 1)) / 1.5, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(
    x=st.integers(1, 4),
    y=st.integers(1, 4),
    more=st.sampled_from([(1, 0), (0, 1), (2, 3)]),
    limits=st.sampled_from(
        [
            (LatencyLimit("ttft", 95.0, 0.4), LatencyLimit("tpot", None, 0.015)),
            (LatencyLimit("e2e", 90.0, 4.0),),
            (LatencyLimit("itl", 99.0, 0.014),),
        ]
    ),
)
def test_further_instances_never_lower_the_rate(unit, x, y, more, limits):
    small, large = unit(x, y, limits), unit(x + more[0], y + more[1], limits)

    assert rate(large) >= rate(small) * (1 - 2e-3)


@pytest.mark.parametrize(
    ("options", "match"),
    [({"replicas": ()}, "replicas are"), ({"max_utilization": 1.5}, "max_utilization is 1.5")],
)
def test_values_outside_their_range_are_refused(unit, options, match):
    with pytest.raises(ValueError, match=match):
        unit(1, 1, **options)


def test_every_bound_has_a_name_of_its_own():
    assert len(set(BOUNDS)) == len(BOUNDS)


def test_mean_gaps_are_those_per_token_where_a_step_makes_several(unit, chat):
    """Steps of two tokens in unchanged step times: half the time per token."""
    mean_gap = (LatencyLimit("itl", None, 1.0),)
    several = replace(chat, tokens_per_step=2.0)

    found = unit(1, 1, mean_gap, traffic=several)

    assert found.unloaded_s[0, 0] == pytest.approx(
        unit(1, 1, mean_gap).unloaded_s[0, 0] / 2, rel=0.02
    )

import numpy as np
import pytest

from planner.perf.handover import HandoverParameters, handovers

HANDED_OVER = HandoverParameters(link_share=0.5, fixed_s=0.01, recomputed=False)


def only(prefill, decode, parameters=HANDED_OVER):
    return handovers([(prefill, decode)], [parameters])


def test_time_of_a_cache_by_hand(spec_of):
    found = only(spec_of("llama-3.1-8b"), spec_of("llama-3.1-8b"))

    # 2 x 32 layers x 8 heads x 128 x 2 bytes = 131,072 B over 450 GB/s x 0.5, and 10 ms.
    seconds = 0.01 + 1000 * 131_072 / 225e9
    assert found.transfer_s(np.array([1000.0])) == pytest.approx(np.array([[seconds]]))
    assert found.further_steps.tolist() == [0.0]


def test_the_side_with_fewer_devices_sets_the_pace(spec_of):
    one, four = spec_of("llama-3.1-8b"), spec_of("llama-3.1-8b", tensor_parallel=4)

    alone, narrow, wide = only(one, one), only(four, one), only(four, four)

    assert narrow.token_s == pytest.approx(alone.token_s)
    assert only(one, four).token_s == pytest.approx(alone.token_s)
    assert wide.token_s == pytest.approx(alone.token_s / 4)


def test_every_rank_of_latent_attention_gets_the_whole_cache(spec_of):
    eight = spec_of("deepseek-v3", tensor_parallel=8)

    found = only(eight, eight)

    # 61 layers x 576 x 2 bytes to each of eight ranks over its own link.
    assert found.token_s == pytest.approx(61 * 576 * 2 / 225e9)


def test_a_token_computed_again_is_a_further_step(spec_of):
    one = spec_of("llama-3.1-8b")

    found = only(one, one, HandoverParameters(0.5, 0.01, recomputed=True))

    assert found.further_steps.tolist() == [1.0]


def test_times_scale_but_steps_do_not(spec_of):
    one = spec_of("llama-3.1-8b")
    found = only(one, one, HandoverParameters(0.5, 0.01, recomputed=True))

    slower = found.scaled(2.0)

    assert slower.fixed_s == pytest.approx(2 * found.fixed_s)
    assert slower.token_s == pytest.approx(2 * found.token_s)
    assert slower.further_steps.tolist() == found.further_steps.tolist()


def test_pairs_keep_their_order(spec_of):
    one, two = spec_of("llama-3.1-8b"), spec_of("llama-3.1-8b", tensor_parallel=2)
    found = handovers([(one, one), (two, two)], [HANDED_OVER, HANDED_OVER])

    swapped = found.take(np.array([1, 0]))

    assert swapped.token_s.tolist() == found.token_s.tolist()[::-1]


def test_instances_without_a_known_link_are_refused(spec_of, h100):
    from dataclasses import replace

    spec = spec_of("llama-3.1-8b")
    alone = replace(spec, device=replace(h100, link_bytes_per_s=None))

    with pytest.raises(ValueError, match="link_bytes_per_s"):
        only(alone, alone)


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"link_share": 0.0}, "link_share is 0.0"), ({"fixed_s": -1.0}, "fixed_s is -1.0")],
)
def test_values_outside_their_range_are_refused(changes, match):
    with pytest.raises(ValueError, match=match):
        HandoverParameters(**{"link_share": 0.5, "fixed_s": 0.0, "recomputed": False} | changes)

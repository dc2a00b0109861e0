"""Transfers of a step between the devices of a replica, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.perf import network
from planner.perf.network import RING_HOP_S
from planner.perf.step import step_model
from planner.perf.work import step_work
from tests.perf.tiny import BARE, ROUND_DEVICE, TINY, time_s, tiny_spec


def test_all_reduce_moves_ring_volume_over_the_link():
    spec = tiny_spec(tensor_parallel=2)
    # two all-reduces per layer of T x h bf16 values, a ring moves 2 (2 - 1) / 2 of them
    volume_bytes = 2 * 2 * (2 * 6 * 8) * 1.0

    work = step_work(spec)

    assert work.network_bytes_per_token * 6 == volume_bytes
    assert work.transfers == 4


def test_all_reduce_time_uses_link_share_and_latency():
    theta = replace(BARE, a_ar_s=1e-5, e_net=0.5)
    quick = replace(ROUND_DEVICE, link_bytes_per_s=1e30)
    spec = tiny_spec(tensor_parallel=2, parameters=theta)
    free = tiny_spec(tensor_parallel=2, device=quick, parameters=replace(theta, a_ar_s=0.0))

    added_s = time_s(spec, 6.0, 0.0, 0.0, 1.0) - time_s(free, 6.0, 0.0, 0.0, 1.0)

    assert added_s == pytest.approx(384 / (1e9 * 0.5) + 4 * 1e-5)


def test_measured_bus_bandwidth_replaces_link_and_latency():
    device = replace(
        ROUND_DEVICE,
        link_bytes_per_s=None,
        allreduce_bandwidth_bytes_per_s=2e8,
        allreduce_latency_s=3e-5,
    )
    free = replace(device, allreduce_bandwidth_bytes_per_s=1e30, allreduce_latency_s=0.0)

    added_s = time_s(tiny_spec(tensor_parallel=2, device=device), 6.0, 0.0, 0.0, 1.0) - time_s(
        tiny_spec(tensor_parallel=2, device=free), 6.0, 0.0, 0.0, 1.0
    )

    assert added_s == pytest.approx(384 / 2e8 + 4 * 3e-5)


def test_few_tokens_are_reduced_directly_and_many_in_a_ring(monkeypatch):
    monkeypatch.setattr(network, "RING_HOP_S", 0.0)
    theta = replace(BARE, a_ar_s=1e-6)
    spec, none = (
        tiny_spec(tensor_parallel=4, architecture=replace(TINY, heads=8), parameters=p)
        for p in (theta, replace(theta, a_ar_s=0.0))
    )
    # four all-reduces; direct ones send 3 - 2 * 3 / 4 times the 16 bytes of a token more
    direct_s = 4 * 16 * 1.5 / 1e9

    def added_s(tokens):
        return time_s(spec, tokens, 0.0, 0.0, 1.0) - time_s(none, tokens, 0.0, 0.0, 1.0)

    assert added_s(10.0) == pytest.approx(4e-6 + 10 * direct_s)
    assert added_s(1000.0) == pytest.approx(2 * 4e-6)


@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize("latency_s", [1e-6, 8e-6, 27e-6])
def test_a_ring_takes_its_hops_and_at_least_two_phases(ranks, latency_s):
    theta = replace(BARE, a_ar_s=latency_s)
    model = step_model(
        [tiny_spec(tensor_parallel=ranks, architecture=replace(TINY, heads=8), parameters=theta)]
    )

    whole_s = model.ring_s[0] + 4 * latency_s

    assert whole_s == pytest.approx(4 * max(2 * latency_s, 2 * (ranks - 1) * RING_HOP_S))


@pytest.mark.parametrize(
    ("long_gb_per_s", "mib", "bus_gb_per_s"),
    [
        (361.78, 2, 81.93),
        (361.78, 4, 128.73),
        (361.78, 8, 172.13),
        (368.11, 2, 88.78),
        (368.11, 4, 138.44),
        (368.11, 8, 181.94),
        (166.63, 2, 53.54),
        (166.63, 4, 71.43),
    ],
)
def test_hops_are_what_measured_all_reduces_take_beyond_their_volume(
    long_gb_per_s, mib, bus_gb_per_s
):
    """All-reduces of NCCL on 8 devices of H100, H200 and A100: Azure/AI-benchmarking-guide."""
    moved_gb = 2 * 7 / 8 * mib * 1024**2 / 1e9
    measured_s = moved_gb / bus_gb_per_s

    modelled_s = moved_gb / long_gb_per_s + 14 * RING_HOP_S

    assert modelled_s == pytest.approx(measured_s, rel=0.2)


def test_a_pair_of_devices_always_reduces_directly():
    model = step_model([tiny_spec(tensor_parallel=2, parameters=replace(BARE, a_ar_s=1e-6))])

    assert model.direct_token_s[0] == 0
    assert model.ring_s[0] > 0


@pytest.mark.parametrize(
    ("norm", "ranks", "more"), [("layer", 2, 2), ("layer", 1, 0), ("head", 2, 0)]
)
def test_a_norm_over_all_heads_is_reduced_in_every_layer(norm, ranks, more):
    plain = step_work(tiny_spec(tensor_parallel=ranks))
    normed = step_work(tiny_spec(tensor_parallel=ranks, architecture=replace(TINY, qk_norm=norm)))

    assert normed.transfers - plain.transfers == more
    assert normed.network_bytes_per_token == plain.network_bytes_per_token


def test_single_device_spends_no_time_on_the_network():
    model = step_model([tiny_spec(parameters=replace(BARE, a_ar_s=1.0))])

    assert model.network_token_s[0] == 0
    assert model.fixed_s[0] == 0

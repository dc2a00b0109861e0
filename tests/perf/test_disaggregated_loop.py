"""Closed loops of units against a simulation of their schedulers, and their limits."""

from __future__ import annotations

import numpy as np
import pytest

from planner.perf.closed_loop import LoopParameters
from planner.perf.disaggregated import Instances
from planner.perf.disaggregated_loop import disaggregated_loop
from planner.perf.handover import HandoverParameters, handovers
from planner.perf.memory import memory_fit
from planner.perf.spec import engine_limits
from planner.perf.step import step_model
from tests.perf.unit_loops import Instance, Request, Unit, step_time

ISL, OSL = 2000.0, 120
STEADY = LoopParameters(q=1.0, burst=0.0, poll=0.5)


def instances(spec, count):
    fit = memory_fit([spec], max_tokens_per_request=ISL + OSL)
    return Instances(step_model([spec]), fit, engine_limits([spec]), np.array([float(count)]))


@pytest.fixture
def sides(spec_of):
    def build(x, y, *, recomputed=False, **engine):
        spec = spec_of("llama-3.1-8b", **engine)
        handover = handovers([(spec, spec)], [HandoverParameters(0.2, 0.02, recomputed)])
        return instances(spec, x), instances(spec, y), handover

    return build


def loop(sides, clients, isl=ISL, osl=OSL, params=STEADY):
    found = disaggregated_loop(*sides, params, isl, osl, float(clients))
    return float(found.ttft_s[0]), float(found.tpot_s[0]), float(found.output_tokens_per_s[0])


def simulated(sides, x, y, clients, rounds=24, skipped=8):
    prefill, decode, handover = sides
    fixed_s, token_s = float(handover.fixed_s[0]), float(handover.token_s[0])
    rng, everyone = np.random.default_rng(3), []

    def drawn(now):
        isl = float(rng.uniform(0.5, 1.5)) * ISL
        return Request(now, isl, int(rng.integers(OSL // 4, 2 * OSL - OSL // 4 + 1)), isl)

    def again(now, _):
        if len(everyone) >= clients * rounds:
            return None
        everyone.append(drawn(now))
        return everyone[-1]

    unit = Unit(
        step_time(prefill.step),
        step_time(decode.step),
        float(prefill.engine.chunk_tokens[0]),
        lambda isl: fixed_s + token_s * isl,
        bool(handover.further_steps[0]),
        [Instance() for _ in range(x)],
        [Instance() for _ in range(y)],
        again,
    )
    # Clients start one after the other over a cycle, as they would be met in steady state.
    ttft_s, tpot_s, _ = loop(sides, clients)
    cycle_s = ttft_s + OSL * tpot_s
    everyone += [drawn(i * cycle_s / clients) for i in range(clients)]
    unit.simulate(list(everyone))
    done = everyone[skipped * clients : (rounds - 2) * clients]
    ttft_s = np.mean([r.times_s[0] - r.arrival_s for r in done])
    tpot_s = np.mean([(r.times_s[-1] - r.times_s[0]) / (r.osl - 1) for r in done])
    return ttft_s + float(prefill.engine.request_s[0]), tpot_s


@pytest.mark.parametrize(
    ("x", "y", "clients", "recomputed"),
    [(1, 1, 8, True), (1, 1, 32, False), (2, 1, 48, True), (1, 2, 24, False)],
)
def test_means_agree_with_the_simulated_unit(sides, x, y, clients, recomputed):
    unit = sides(x, y, recomputed=recomputed)

    ttft_s, tpot_s, tokens_per_s = loop(unit, clients)

    simulated_ttft_s, simulated_tpot_s = simulated(unit, x, y, clients)
    cycle_s = simulated_ttft_s + (OSL - 1) * simulated_tpot_s
    assert tpot_s == pytest.approx(simulated_tpot_s, rel=0.08)
    assert tokens_per_s == pytest.approx(clients * OSL / cycle_s, rel=0.08)
    # The queue of mean-value analysis takes prompts to be spread more than these are.
    assert ttft_s == pytest.approx(simulated_ttft_s, rel=0.35)


def test_one_client_meets_nobody(sides):
    prefill, decode, handover = sides(1, 1)

    ttft_s, tpot_s, tokens_per_s = loop((prefill, decode, handover), 1)

    prompt_s = float(prefill.step.time_s(ISL, 0.0, ISL**2 / 2, 0.0)[0])
    gap_s = float(decode.step.time_s(1.0, ISL + OSL / 2, 0.0, 1.0)[0])
    after_s = float(handover.transfer_s(np.array([ISL]))[0, 0]) + 0.5 * gap_s
    assert tpot_s == pytest.approx(gap_s)
    host_s = 0.02 + 32 * 0.7e-3  # per request, and per layer of the model
    assert ttft_s == pytest.approx(host_s + prompt_s + after_s)
    assert tokens_per_s == pytest.approx(OSL / (ttft_s + (OSL - 1) * tpot_s))


def test_a_token_computed_again_takes_a_decode_step_more(sides):
    handed_over, again = loop(sides(1, 1), 1), loop(sides(1, 1, recomputed=True), 1)

    assert again[0] - handed_over[0] == pytest.approx(handed_over[1])
    assert again[1] == pytest.approx(handed_over[1])


def test_twice_the_unit_serves_twice_the_clients(sides):
    one, two = loop(sides(1, 1), 16), loop(sides(2, 2), 32)

    assert two == pytest.approx((one[0], one[1], 2 * one[2]))


def test_requests_wait_for_a_place_when_the_decode_instance_is_full(sides):
    prefill, decode, handover = sides(4, 1, max_num_seqs=8)

    ttft_s, tpot_s, tokens_per_s = loop((prefill, decode, handover), 64)

    gap_s = float(decode.step.time_s(8.0, 8 * (ISL + OSL / 2), 0.0, 8.0)[0])
    assert tpot_s == pytest.approx(gap_s, rel=1e-3)
    assert tokens_per_s == pytest.approx(8 / gap_s * OSL / (OSL - 1), rel=1e-3)
    assert ttft_s == pytest.approx(64 / 8 * (OSL - 1) * gap_s - (OSL - 1) * gap_s, rel=1e-2)


def test_more_prefill_instances_never_lengthen_the_first_token(sides):
    found = [loop(sides(x, 1), 64)[0] for x in (1, 2, 4)]

    assert found == sorted(found, reverse=True)

"""Mean latencies of units of prefill and decode instances that a number of clients keeps busy.

Each of C clients sends its next request when the last one is done, all with prompts of I and
outputs of O tokens. Requests are spread evenly over x prefill and y decode instances. With g
prompts in a step of a prefill instance and b requests in one of a decode instance::

    prompt = t(g prompts) / g            g = X / x t(g prompts), from 1 to the room of a step
    wait   = q V + burst (C / x - 1) / 2 prompt      V: wait of C / x customers at a closed queue
    TTFT   = t_req + wait + t(g prompts) + transfer + (poll + further steps) t(b)
    cycle  = TTFT + (O - 1) t(b)         b = C / y (O - 1) t(b) / cycle       X = C / cycle

V, q, burst and poll are those of replicas (:mod:`planner.perf.closed_loop`), the transfer and the
further steps those of :mod:`planner.perf.handover`. Where b would exceed the most requests that a
decode instance holds, requests wait for a place there, which lengthens the TTFT.

Source: Little's law; Schweitzer (1979).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.perf.closed_loop import ClosedLoop, closed_wait_s

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from planner.perf.closed_loop import LoopParameters
    from planner.perf.disaggregated import Instances
    from planner.perf.handover import Handover
    from planner.perf.spec import Floats

_ROUNDS = 100
_LEAST_GAPS = 1e-9
_HALF_BLOCK_TOKENS = 8.0
"""Mean unused rest of the last block of a request's cache."""


def disaggregated_loop(  # noqa: PLR0917 - as of a replica
    prefill: Instances,
    decode: Instances,
    handover: Handover,
    params: LoopParameters,
    isl_tokens: ArrayLike,
    osl_tokens: ArrayLike,
    concurrency: ArrayLike,
) -> ClosedLoop:
    """Return the means of every unit at its concurrency; `batch` is that of a decode instance.

    Parameters
    ----------
    prefill, decode, handover
        Both sides of n units, and how requests pass between them.
    params
        Parameters of closed loops.
    isl_tokens, osl_tokens
        Prompt and output tokens of every request, scalar or (n,), >= 1.
    concurrency
        Clients of the whole unit, scalar or (n,), >= 1.
    """
    isl, osl = decode.step.per_option(isl_tokens), decode.step.per_option(osl_tokens)
    clients = decode.step.per_option(concurrency)
    gaps = np.maximum(osl - 1.0, _LEAST_GAPS)
    q, burst, poll = (np.asarray(p) for p in (params.q, params.burst, params.poll))
    # Fewer clients than instances leave some of them idle.
    queued = np.maximum(clients / prefill.count, 1.0)
    most = _most_requests(decode, isl, osl)
    transfer_s = handover.fixed_s + handover.token_s * isl
    room = np.where(
        prefill.engine.is_chunked, np.maximum(prefill.engine.chunk_tokens / isl, 1.0), 1.0
    )
    batch, prompts = np.minimum(np.maximum(clients / decode.count, 1.0), most), np.ones(len(isl))
    for _ in range(_ROUNDS):
        gap_s = decode.step.time_s(batch, batch * (isl + osl / 2), 0.0, batch)
        decoding_s = gaps * gap_s
        latency_s = _prompt_s(prefill, isl, prompts)
        prompt_s = latency_s / prompts
        after_s = transfer_s + (poll + handover.further_steps) * gap_s
        wait_s = q * closed_wait_s(prompt_s, after_s + decoding_s, queued)
        wait_s = wait_s + burst * (queued - 1.0) / 2 * prompt_s
        ttft_s = prefill.engine.request_s + wait_s + latency_s + after_s
        least_s = clients / (decode.count * most) * decoding_s
        cycle_s = np.maximum(ttft_s + decoding_s, least_s)
        held = np.maximum(clients * decoding_s / (decode.count * cycle_s), 1.0)
        batch = 0.5 * batch + 0.5 * np.minimum(held, most)
        sharing = np.clip(clients / (prefill.count * cycle_s) * latency_s, 1.0, room)
        prompts = 0.5 * prompts + 0.5 * sharing
    return ClosedLoop(
        ttft_s=cycle_s - decoding_s,
        tpot_s=decoding_s / gaps,
        output_tokens_per_s=clients * osl / cycle_s,
        batch=batch,
        capped=cycle_s > ttft_s + decoding_s,
    )


def _most_requests(decode: Instances, isl: Floats, osl: Floats) -> Floats:
    resident = isl + osl / 2 + _HALF_BLOCK_TOKENS + decode.engine.state_tokens
    fitting = np.minimum(decode.engine.max_num_seqs, decode.memory.kv_capacity_tokens / resident)
    return np.asarray(np.maximum(fitting, 1.0), dtype=float)


def _prompt_s(prefill: Instances, isl: Floats, prompts: Floats) -> Floats:
    """Return the time of the steps that `prompts` together take."""
    tokens, pairs = isl * prompts, prompts * isl**2 / 2
    room = np.where(prefill.engine.is_chunked, prefill.engine.chunk_tokens, np.inf)
    steps = np.maximum(tokens / room, 1.0)
    return steps * prefill.step.time_s(tokens / steps, 0.0, pairs / steps, 0.0)

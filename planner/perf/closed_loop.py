"""Mean latencies and throughput when a fixed number of clients keeps a replica busy.

Each of C clients sends its next request when the last one is done, all with prompts of I and
outputs of O tokens; the engine holds ``N = min(C, max_num_seqs, KV capacity / resident tokens)``
of them and the others wait for a place. With b decodes in a step, room for R prompt tokens beside
them, and X requests per second::

    g      = X t(g prompts and b decodes), from 1 to R / I         prompts that share a step
    prompt = (t(g prompts and b decodes) - t(b)) / g               what a prompt adds to the steps
    gap    = t(b) + mix b (N - 1) / N prompt / (O - 1)             prompts of others, own decodes
    start  = t(R tokens and N / 2 decodes) / (R / I)               a prompt while all of them wait
    wait   = q V + burst (N - 1) / 2 start                         V: wait at a closed queue
    TTFT   = t_req + latency of the prompt + poll gap + wait
    cycle  = TTFT + (O - 1) gap         b = N (O - 1) gap / cycle  X = N / cycle

``burst`` is the weight of the start, when all clients send at once and every step is filled with
prompts: about the share of requests that are the first of their client. ``poll`` are the steps
that pass before the engine looks for new requests. V is Schweitzer's approximation of mean-value
analysis for N customers at one server. No more than ``(O - 1) R / I`` requests decode, because
every step then carries as many prompts as it can; the others wait for their prompts. Clients
beyond N add ``(C / N - 1) cycle`` to the TTFT. Prompts with priority run alone, and delay decodes
by their whole time. With data-parallel attention a prompt is computed by one of D groups; the
others wait for it, unless g >= D prompts share the step or prompts are held back for that.

Where draft tokens are verified, a step makes s tokens of a request, so that a request decodes in
``(O - 1) / s`` steps, and TPOT is the gap over s; with g draft tokens a decode takes g + 1 tokens
of the budget.

An offline run has all prompts waiting from the start, so g is R / I.

Source: Schweitzer (1979); Little's law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel

_ROUNDS = 60
_LEAST_GAPS = 1e-9
_HALF_BLOCK_TOKENS = 8.0
"""Mean unused rest of the last block of a request's cache."""


@dataclass(frozen=True, slots=True)
class LoopParameters:
    """Parameters of closed loops and offline runs, each a number or an array of shape (n,).

    Parameters
    ----------
    mix
        Weight of the prompts of others in the time between tokens, >= 0.
    q
        Weight of the wait for the prompts of others, >= 0.
    burst
        Weight of the start of a run, when all clients send at once, >= 0; 0 in steady state.
    drain
        Share of the steady throughput that a run to the last request reaches, > 0.
    poll
        Steps until the engine looks for new requests, >= 0; 0.5 when it does so every step.
    static
        Share of the modelled speed that one static batch reaches, > 0.
    idle
        Share of the data-parallel groups without a prompt that wait for those with one, 0 to 1;
        0 when prompts are held back until every group has one.
    """

    mix: ArrayLike = 1.11
    q: ArrayLike = 0.941
    burst: ArrayLike = 0.184
    drain: ArrayLike = 1.0
    poll: ArrayLike = 0.5
    static: ArrayLike = 1.0
    idle: ArrayLike = 1.0


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """Means of n replicas under closed load; arrays of shape (n,).

    Parameters
    ----------
    ttft_s, tpot_s
        Time to first token as a client sees it, and time per output token after it, seconds.
    output_tokens_per_s
        Output tokens of the whole replica per second.
    batch
        Mean decodes in a step.
    capped
        Whether more clients ask than memory or the engine admits.
    """

    ttft_s: Floats
    tpot_s: Floats
    output_tokens_per_s: Floats
    batch: Floats
    capped: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Requests:
    """Equal requests on n options."""

    step: StepModel
    engine: EngineLimits
    isl: Floats
    osl: Floats
    made: Floats
    idle: Floats

    @property
    def gaps(self) -> Floats:
        return np.maximum((self.osl - 1.0) / self.made, _LEAST_GAPS)

    def room(self, batch: Floats) -> Floats:
        taken = np.where(self.engine.is_chunked, batch * self.step.decode_tokens, 0.0)
        return np.maximum(self.engine.chunk_tokens - taken, 1.0)

    def most_decodes(self) -> Floats:
        """Return the decodes beyond which prompts cannot keep up."""
        # b decodes end b / G requests a step, whose prompts need b I / G = K - b (g + 1) tokens.
        share = self.gaps / self.isl
        most = self.engine.chunk_tokens * share / (1.0 + self.step.decode_tokens * share)
        return np.where(self.engine.is_chunked, np.maximum(most, 1.0), np.inf)

    def decode_s(self, batch: Floats) -> Floats:
        return self.step.time_s(batch, batch * (self.isl + self.osl / 2), 0.0, batch)

    def most_prompts(self, batch: Floats) -> Floats:
        """Return the prompts that share a filled step, at least one."""
        return np.maximum(self.room(batch) / self.isl, 1.0)

    def start_s(self, held: Floats) -> Floats:
        """Return the time per prompt while all wait: steps are full, half decode on average."""
        prompts = np.minimum(self.most_prompts(held / 2), held)
        return np.asarray(self.prompt_s(held / 2, prompts)[1] / prompts, dtype=float)

    def prompt_s(self, batch: Floats, prompts: Floats) -> tuple[Floats, Floats]:
        """Return what one of `prompts` in a step adds to it, and the time to the first token."""
        riding = np.where(self.engine.is_chunked, batch, 0.0)
        tokens = self.isl * prompts
        steps = np.maximum(tokens / self.room(batch), 1.0)
        cached = riding * (self.isl + self.osl / 2)
        pairs = tokens * self.isl / 2
        # Groups without a prompt of their own wait for those with one.
        waiting = 1.0 + self.idle * np.maximum(self.step.groups / prompts - 1.0, 0.0)
        mixed_s = self.step.time_s(
            tokens / steps + riding,
            cached,
            waiting * pairs / steps,
            riding,
            (waiting - 1.0) * tokens / steps,
        )
        bare_s = np.where(self.engine.is_chunked, self.decode_s(batch), 0.0)
        return np.maximum(steps * (mixed_s - bare_s) / prompts, 0.0), steps * mixed_s


def closed_loop(  # noqa: PLR0917 - an interface that was agreed on
    step: StepModel,
    engine: EngineLimits,
    kv_capacity_tokens: ArrayLike,
    params: LoopParameters,
    isl_tokens: ArrayLike,
    osl_tokens: ArrayLike,
    concurrency: ArrayLike,
    *,
    tokens_per_step: ArrayLike = 1.0,
) -> ClosedLoop:
    """Return the means of every option at its concurrency.

    Parameters
    ----------
    step, engine
        Step times and engine settings of n options.
    kv_capacity_tokens
        Tokens the cache of a replica holds, scalar or (n,), >= 0.
    params
        Parameters of closed loops.
    isl_tokens, osl_tokens
        Prompt and output tokens of every request, scalar or (n,), >= 1.
    concurrency
        Clients, scalar or (n,), >= 1.
    tokens_per_step
        Mean tokens that a step makes of a request, scalar or (n,), >= 1.
    """
    lengths = (isl_tokens, osl_tokens, tokens_per_step, params.idle)
    work = _Requests(step, engine, *map(step.per_option, lengths))
    clients = step.per_option(concurrency)
    held = np.minimum(clients, _admitted(work, step.per_option(kv_capacity_tokens)))
    mix, q, burst, poll = (
        np.asarray(p) for p in (params.mix, params.q, params.burst, params.poll)
    )
    most, prompts = np.minimum(work.most_decodes(), held), np.ones(len(held))
    batch, gaps = np.minimum(held, most), work.gaps
    # An output of one token has no gap that a prompt of another could fall into.
    others = mix * (held - 1.0) / held * np.minimum(gaps, 1.0)
    start_wait_s = burst * (held - 1.0) / 2 * work.start_s(held)
    for _ in range(_ROUNDS):
        decode_s = work.decode_s(batch)
        prompt_s, latency_s = work.prompt_s(batch, prompts)
        decoding_s = gaps * decode_s + batch * others * prompt_s
        wait_s = q * closed_wait_s(prompt_s, decoding_s, held)
        wait_s = wait_s + start_wait_s
        ttft_s = engine.request_s + latency_s + poll * decoding_s / gaps + wait_s
        ttft_s = np.maximum(ttft_s, (held / most - 1.0) * decoding_s)
        cycle_s = ttft_s + decoding_s
        batch = 0.5 * batch + 0.5 * np.minimum(held * decoding_s / cycle_s, most)
        sharing = np.clip(held / cycle_s * latency_s, 1.0, work.most_prompts(batch))
        prompts = 0.5 * prompts + 0.5 * sharing
    return ClosedLoop(
        ttft_s=ttft_s + (clients / held - 1.0) * cycle_s,
        tpot_s=decoding_s / gaps / work.made,
        output_tokens_per_s=held * work.osl / cycle_s,
        batch=batch,
        capped=clients > held,
    )


def max_load(  # noqa: PLR0917 - an interface that was agreed on
    step: StepModel,
    engine: EngineLimits,
    kv_capacity_tokens: ArrayLike,
    params: LoopParameters,
    isl_tokens: ArrayLike,
    osl_tokens: ArrayLike,
    *,
    tokens_per_step: ArrayLike = 1.0,
) -> ClosedLoop:
    """Return the means of every option with as many requests as fit, all waiting at once.

    Parameters
    ----------
    step, engine
        Step times and engine settings of n options.
    kv_capacity_tokens
        Tokens the cache of a replica holds, scalar or (n,), >= 0.
    params
        Parameters of offline runs.
    isl_tokens, osl_tokens
        Prompt and output tokens of every request, scalar or (n,), >= 1.
    tokens_per_step
        Mean tokens that a step makes of a request, scalar or (n,), >= 1.
    """
    lengths = (isl_tokens, osl_tokens, tokens_per_step, params.idle)
    work = _Requests(step, engine, *map(step.per_option, lengths))
    held = _admitted(work, step.per_option(kv_capacity_tokens))
    batch = np.minimum(held, work.most_decodes())
    prompts = work.most_prompts(batch)
    prompt_s, latency_s = work.prompt_s(batch, prompts)
    decoding_s = work.gaps * work.decode_s(batch) + batch * prompt_s
    return ClosedLoop(
        ttft_s=engine.request_s + latency_s + (held / batch - 1.0) * decoding_s,
        tpot_s=decoding_s / work.gaps / work.made,
        output_tokens_per_s=batch * work.osl / decoding_s * np.asarray(params.drain),
        batch=batch,
        capped=np.ones(len(held), dtype=bool),
    )


def _admitted(work: _Requests, kv_capacity_tokens: Floats) -> Floats:
    """Return the requests that a replica holds on average, at least one, shape (n,)."""
    resident = work.isl + work.osl / 2 + _HALF_BLOCK_TOKENS + work.engine.state_tokens
    fitting = np.minimum(work.engine.max_num_seqs, kv_capacity_tokens / resident)
    return np.asarray(np.maximum(fitting, 1.0), dtype=float)


def closed_wait_s(service_s: Floats, think_s: Floats, customers: Floats) -> Floats:
    """Return the mean wait at one server with `customers` that think in between, shape (n,).

    An arrival finds those ahead of it that the other customers leave there on average, and half of
    the service at hand is done. With n customers, service s, time to think z and response r,
    ``r = s (1 + (n - 1) r / (z + r) - b / 2)`` where the server is busy for the share
    ``b = min(1, n s / (z + r))``: a quadratic equation of r for either b.
    """
    full_s = customers * service_s
    partly_s = _larger_root_s(think_s - full_s, service_s * (full_s / 2 - think_s))
    fully_s = _larger_root_s(think_s + service_s / 2 - full_s, -service_s * think_s / 2)
    # At the response from which on the server has time to spare both equations say the same.
    edge_s = full_s - think_s
    is_full = edge_s > service_s / 2 + (1.0 - 1.0 / customers) * edge_s
    return np.maximum(np.where(is_full, fully_s, partly_s) - service_s, 0.0)


def _larger_root_s(linear_s: Floats, constant_s2: Floats) -> Floats:
    """Return the larger root of ``r^2 + linear r + constant``, shape (n,)."""
    square_s2 = np.maximum(linear_s**2 - 4.0 * constant_s2, 0.0)
    return np.asarray((np.sqrt(square_s2) - linear_s) / 2, dtype=float)

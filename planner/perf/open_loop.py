"""Mean state of a replica under open arrivals: batch size, step times and utilization.

At rate lam per replica a prompt of P tokens (mean) takes n prefill steps of t_f each, the rest of
the time is decode-only steps of t_d; b requests decode on average::

    room = K - b            prompt tokens a chunked step has space for (K: chunk budget)
    n    = max(P / room, 1) q = max(1 - P / room, 0)         q: free share of a prompt's step
    c    = t_f - t(room) P / room, at most q max(t_d, launch)   saved when prompts share a step
    rho  = lam (n t_f - rho c)                                share of time in prefill steps
    gaps per second = lam (n - rho q) + (1 - rho) / t_d
    itl  = 1 / gaps per second      b = lam G itl      G: mean steps after the first

When prompts queue, the next one fills the free share of a step, which saves c with probability
rho; so short prompts saturate at full steps, not at one step each. With prefill
priority prompts run alone: no gap ends in a prefill step, room has no bound and q = 0. G is O - 1,
or less where steps make several tokens of a request (:mod:`planner.perf.traffic`); with g draft
tokens a step has room for ``K - b (g + 1)`` prompt tokens.

Given b, all step times are known and the two balances are one quadratic in lam, which has one
positive root. :mod:`planner.perf.load_table` reads it backwards, for any lam.

With data-parallel attention steps carry m prompts on average (:mod:`planner.perf.lockstep`), so
that a prompt takes n / m steps of its own and nothing else is saved.

Source: mean-value analysis of a server whose steps carry prefill and decode together; Little's
law gives b and the KV cache that the running requests hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.lockstep import (
    Prompts,
    common_steps,
    due_at_rate,
    due_with_batch,
    placed,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.lockstep import CommonSteps
    from planner.perf.moments import TrafficMeans
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel

UNBOUNDED_TOKENS = 1e15
"""Room of a step that is not cut to chunks: finite, to keep products with zero finite."""
_MOST_BUSY = 0.9
"""Busy periods grow without bound near saturation, a request's share of them does not."""
_LEAST_GAPS_PER_S = 1e-9
"""A saturated replica that only prefills makes no tokens: keeps its mean gap finite."""


@dataclass(frozen=True, slots=True)
class BatchSteps:
    """Steps of a replica with b decodes; arrays of one shape.

    Parameters
    ----------
    room_tokens
        Prompt tokens a step has space for.
    riding
        Decodes that share the prefill steps.
    prefill_steps, spare_share
        Steps n of a mean prompt (its share of them where groups compute prompts in common steps),
        and share q of its step that is free.
    decode_s, prefill_s
        Time of a decode-only step and of a prefill step, seconds.
    saved_s
        Time c that a prompt saves when it shares its step with the next one, seconds.
    common
        What options with several groups have in common steps; ``None`` where none has several.
    """

    room_tokens: Floats
    riding: Floats
    prefill_steps: Floats
    spare_share: Floats
    decode_s: Floats
    prefill_s: Floats
    saved_s: Floats
    common: CommonSteps | None = None

    def take(self, rows: slice | NDArray[np.intp]) -> BatchSteps:
        """Return some of the rows, in their order."""
        common = None if self.common is None else self.common.take(rows)
        own = {n: getattr(self, n)[rows] for n in self.__slots__ if n != "common"}
        return BatchSteps(**own, common=common)

    def with_common(self, rows: NDArray[np.intp], own: CommonSteps) -> BatchSteps:
        """Return the steps in which `rows`, options with several groups, compute together."""
        whole = self.prefill_steps.shape
        return replace(
            self,
            prefill_steps=placed(self.prefill_steps, rows, own.steps / own.prompts),
            spare_share=placed(self.spare_share, rows, 0.0),
            prefill_s=placed(self.prefill_s, rows, own.step_s),
            saved_s=placed(self.saved_s, rows, 0.0),
            common=own.among(rows, whole),
        )


def batch_steps(
    step: StepModel,
    engine: EngineLimits,
    means: TrafficMeans,
    batch: Floats,
    work: Floats | float = 1.0,
    *,
    rate_rps: Floats | None = None,
) -> BatchSteps:
    """Return the steps with `batch` decodes, of shape (n,) or (n, k).

    Parameters
    ----------
    work
        Prompt computation of a request over that of its prompt, > 0, broadcastable to `batch`.
    rate_rps
        Requests/s of the shape of `batch`; ``None`` for the rate that holds `batch` in balance.
    """
    steps = _steps_of_one_group(step, engine, means, batch, work)
    rows = np.flatnonzero(step.groups > 1)
    if not rows.size:
        return steps
    own = _common(
        steps.take(rows),
        step.take(rows),
        engine.take(rows),
        means,
        batch[rows],
        np.broadcast_to(work, batch.shape)[rows],
        None if rate_rps is None else rate_rps[rows],
    )
    return steps.with_common(rows, own)


def _steps_of_one_group(
    step: StepModel,
    engine: EngineLimits,
    means: TrafficMeans,
    batch: Floats,
    work: Floats | float,
) -> BatchSteps:
    wide = (slice(None),) + (None,) * (batch.ndim - 1)
    chunked = engine.is_chunked[wide]
    riding = np.where(chunked, batch, 0.0)
    decoded = batch if step.draft is None else batch * step.decode_tokens[wide]
    left = np.maximum(engine.chunk_tokens[wide] - decoded, 1.0)
    room = np.where(chunked, left, UNBOUNDED_TOKENS)
    computed = means.prefill_tokens * work
    steps = np.maximum(computed / room, 1.0)
    spare = np.where(chunked, np.maximum(1.0 - computed / room, 0.0), 0.0)
    context, one = means.context_tokens, np.maximum(batch, 1.0)
    decode_s = step.time_s(one, one * context, 0.0, one)
    prompt, pairs = computed / steps, means.prefill_pairs * work / steps
    prefill_s = step.time_s(prompt + riding, riding * context, pairs, riding)
    full = room / prompt
    full_s = step.time_s(room + riding, riding * context, pairs * full, riding)
    most_s = np.minimum(np.maximum(decode_s, step.launch_s[wide]), prefill_s)
    return BatchSteps(
        room_tokens=room,
        riding=riding,
        prefill_steps=steps,
        spare_share=spare,
        decode_s=decode_s,
        prefill_s=prefill_s,
        saved_s=np.clip(prefill_s - full_s / full, 0.0, spare * most_s),
    )


def _common(  # noqa: PLR0917
    steps: BatchSteps,
    step: StepModel,
    engine: EngineLimits,
    means: TrafficMeans,
    batch: Floats,
    work: Floats,
    rate_rps: Floats | None,
) -> CommonSteps:
    """Return what options with several groups have in common steps."""
    wide = (slice(None),) + (None,) * (batch.ndim - 1)
    groups, chunked = step.groups[wide], engine.is_chunked[wide]
    room = np.where(chunked, steps.room_tokens, engine.chunk_tokens[wide]) / groups
    computed = means.prefill_tokens * work
    count = np.where(chunked, np.maximum(computed / room, 1.0), 1.0)
    prompts = Prompts(
        tokens=computed / count,
        pairs=means.prefill_pairs * work / count,
        steps=count,
        room=room,
        groups=groups,
        riding=steps.riding,
        cached=steps.riding * means.context_tokens,
        decode_s=steps.decode_s * -np.expm1(-batch),
        longest=np.array(means.longest_ratios),
    )
    if rate_rps is None:
        gaps = means.output_gaps
        due = due_with_batch(step, prompts, batch, steps.decode_s, gaps, chunked)
    else:
        due = due_at_rate(step, prompts, rate_rps)
    return common_steps(step, prompts, due)


def balance_rate_rps(
    steps: BatchSteps, is_chunked: NDArray[np.bool_], batch: Floats, output_gaps: float
) -> Floats:
    """Return the rate at which a replica holds `batch` decodes, or at which it saturates if lower.

    Parameters
    ----------
    steps
        Steps at `batch`.
    is_chunked
        Whether gaps end in prefill steps too, broadcastable to `batch`.
    output_gaps
        Mean steps of a request after that of its first token, >= 0.
    """
    n, q = steps.prefill_steps, steps.spare_share
    decode_s, whole_s, saved_s = steps.decode_s, n * steps.prefill_s, steps.saved_s
    # a2 lam^2 + a1 lam + a0 = 0 with a2 <= 0 < a0: exactly one positive root.
    mixed = batch * np.where(is_chunked, n, 0.0)
    a2 = mixed * (saved_s - q * steps.prefill_s) - output_gaps * saved_s
    a1 = mixed + batch * (saved_s - whole_s) / decode_s - output_gaps
    a0 = batch / decode_s
    denominator = np.sqrt(a1 * a1 - 4 * a2 * a0) - a1
    # The saturated rate 1 / (whole - saved) as the least denominator: the root may be infinite.
    least = np.maximum(2 * a0 * (whole_s - saved_s), np.finfo(float).tiny)
    return np.asarray(2 * a0 / np.maximum(denominator, least), dtype=float)


def prefill_share(steps: BatchSteps, rate_rps: Floats) -> Floats:
    """Return the share of time rho in prefill steps at a rate, of its shape, 0 to 1."""
    busy_s = rate_rps * steps.prefill_steps * steps.prefill_s
    return np.asarray(np.minimum(busy_s / (1.0 + rate_rps * steps.saved_s), 1.0), dtype=float)


def idle_share(busy: Floats) -> Floats:
    """Return the share of time without prompts, cut where busy periods would have no end.

    Parameters
    ----------
    busy
        Share of time in prefill steps, >= 0.
    """
    return np.asarray(1.0 - np.minimum(busy, _MOST_BUSY), dtype=float)


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """Mean state of rows, each an option at a rate; arrays of shape (r,).

    Parameters
    ----------
    rate_rps, batch
        Rate of one replica and mean decodes.
    steps
        Steps at that batch.
    prefill_share
        Share of time rho in prefill steps, 0 to 1.
    prefill_gap_share
        Share of token gaps that end in a prefill step (chunked), or that a prompt delays.
    gap_s
        Mean time between two steps that give a request tokens, seconds.
    """

    rate_rps: Floats
    batch: Floats
    steps: BatchSteps
    prefill_share: Floats
    prefill_gap_share: Floats
    gap_s: Floats

    def take(self, rows: slice) -> ReplicaState:
        """Return some of the rows, in their order."""
        return ReplicaState(
            self.rate_rps[rows],
            self.batch[rows],
            self.steps.take(rows),
            self.prefill_share[rows],
            self.prefill_gap_share[rows],
            self.gap_s[rows],
        )


def replica_state(
    step: StepModel,
    engine: EngineLimits,
    means: TrafficMeans,
    rate_rps: Floats,
    batch: Floats,
) -> ReplicaState:
    """Return the state of rows at `rate_rps` with `batch` decodes, each of shape (r,)."""
    steps = batch_steps(step, engine, means, batch, rate_rps=rate_rps)
    rho = prefill_share(steps, rate_rps)
    prefill_rate = rate_rps * (steps.prefill_steps - rho * steps.spare_share)
    decode_rate = (1.0 - rho) / steps.decode_s
    gaps_per_s = np.where(engine.is_chunked, prefill_rate, 0.0) + decode_rate
    gap_s = 1.0 / np.maximum(gaps_per_s, _LEAST_GAPS_PER_S)
    # Little's law: the batch, averaged over levels of load, is more than that of the mean level.
    tokens_per_s = rate_rps * means.output_gaps
    by_batch_s = np.where(tokens_per_s > 0, batch, 0.0) / np.where(
        tokens_per_s > 0, tokens_per_s, 1
    )
    gap_s = np.maximum(gap_s, by_batch_s)
    share = np.minimum(prefill_rate * gap_s, 1.0)
    return ReplicaState(rate_rps, batch, steps, rho, share, gap_s)

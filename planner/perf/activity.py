"""How busy a step keeps memory and arithmetic of a device, whatever time the step takes.

The ideal times of a step are what its work would take at the peaks of the data sheet::

    memory_s  = bytes that one device reads and writes / peak bandwidth
    compute_s = FLOP of products / their peak + FLOP of attention / its peak

Divided by the time that the step really takes they are its memory and compute activity, the
shares of the peaks that it reaches. Work per step is that of :mod:`planner.perf.work`; no
parameter of the step time enters, so activities of measured runs do not depend on how well times
are predicted. Experts are read on the mean device, not on the fullest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.work import step_work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from planner.perf.spec import Floats, ReplicaSpec


@dataclass(frozen=True, slots=True)
class IdealStep:
    """Ideal times of the work of n options; every field is an array of shape (n,).

    Parameters
    ----------
    dense_read_s, expert_read_s, expert_miss_log
        All dense weights and all routed experts read once, and ln(1 - k/E) of the share hit.
    kv_read_s, near_read_s, window_tokens
        A cached token read in layers with full attention and in those with a window.
    state_read_s
        The state of a decoding request read and written.
    activation_s
        Activations of a new token moved.
    token_compute_s, head_compute_s
        Products of a new token, and of the head for a request.
    kv_compute_s, near_compute_s, pair_compute_s, near_pair_compute_s
        Decode attention to a cached token, and prefill attention of an attended pair, likewise.
    """

    dense_read_s: Floats
    expert_read_s: Floats
    expert_miss_log: Floats
    kv_read_s: Floats
    near_read_s: Floats
    window_tokens: Floats
    state_read_s: Floats
    activation_s: Floats
    token_compute_s: Floats
    head_compute_s: Floats
    kv_compute_s: Floats
    near_compute_s: Floats
    pair_compute_s: Floats
    near_pair_compute_s: Floats

    def take(self, indices: NDArray[np.intp]) -> IdealStep:
        """Return the options at `indices`, in that order."""
        return IdealStep(*(getattr(self, f.name)[indices] for f in fields(self)))

    def times_s(
        self,
        new_tokens: ArrayLike,
        kv_tokens: ArrayLike,
        attended_pairs: ArrayLike,
        decodes: ArrayLike,
    ) -> tuple[Floats, Floats]:
        """Return the ideal memory and compute time of one step, seconds, each of shape (n,).

        Parameters
        ----------
        new_tokens, kv_tokens, attended_pairs, decodes
            As in :meth:`planner.perf.step.StepModel.time_s`, scalars or arrays of shape (n,).
        """
        tokens, cached, pairs, batch = (
            np.asarray(a, dtype=float) for a in (new_tokens, kv_tokens, attended_pairs, decodes)
        )
        near = np.minimum(cached, self.window_tokens * batch)
        prompt = np.maximum(tokens - batch, 0.0)
        near_pairs = np.minimum(pairs, self.window_tokens * prompt)
        memory_s = self.dense_read_s - np.expm1(tokens * self.expert_miss_log) * self.expert_read_s
        memory_s = memory_s + cached * self.kv_read_s + near * self.near_read_s
        memory_s += batch * self.state_read_s + tokens * self.activation_s
        compute_s = tokens * self.token_compute_s + (batch + 1.0) * self.head_compute_s
        compute_s += cached * self.kv_compute_s + near * self.near_compute_s
        compute_s += pairs * self.pair_compute_s + near_pairs * self.near_pair_compute_s
        return memory_s, compute_s


def ideal_step(specs: Sequence[ReplicaSpec]) -> IdealStep:
    """Return the ideal times of `specs`, one option each, in order."""
    columns = np.array([_times_s(s) for s in specs], dtype=float)
    columns = columns.reshape(len(specs), len(fields(IdealStep)))
    return IdealStep(*np.ascontiguousarray(columns.T))


def steady_activity(
    ideal: IdealStep,
    running: Floats,
    output_tokens_per_s: Floats,
    isl_tokens: Floats,
    osl_tokens: Floats,
) -> tuple[Floats, Floats]:
    """Return the memory and compute activity of replicas that never wait, each of shape (n,).

    Every step holds all the running requests, and its share of the prompts that replace those
    that are done: I / O prompt tokens for an output token.

    Parameters
    ----------
    ideal
        Ideal times of n options.
    running
        Requests in a step, shape (n,), > 0.
    output_tokens_per_s
        Output tokens of a replica per second, shape (n,), > 0.
    isl_tokens, osl_tokens
        Prompt and output tokens of every request, shape (n,), >= 1.
    """
    prompts = running * isl_tokens / osl_tokens
    cached, pairs = running * (isl_tokens + osl_tokens / 2), prompts * isl_tokens / 2
    memory_s, compute_s = ideal.times_s(running + prompts, cached, pairs, running)
    steps_per_s = output_tokens_per_s / running
    return memory_s * steps_per_s, compute_s * steps_per_s


def _times_s(spec: ReplicaSpec) -> tuple[float, ...]:
    work, device = step_work(spec), spec.device
    bandwidth, peak = device.bandwidth_bytes_per_s, device.peak_flops
    attention = device.peak_attention_flops
    return (
        work.dense_read_bytes / bandwidth,
        work.expert_read_bytes / bandwidth,
        work.expert_miss_log,
        work.kv_read_bytes_per_token / bandwidth,
        work.near_read_bytes_per_token / bandwidth,
        work.window_tokens,
        work.state_bytes_per_request / bandwidth,
        work.activation_bytes_per_token / bandwidth,
        (work.dense_flop_per_token + work.expert_flop_per_token) / peak,
        work.head_flop_per_request / peak,
        work.kv_flop_per_token / attention,
        work.near_flop_per_token / attention,
        work.pair_flop / attention,
        work.near_pair_flop / attention,
    )

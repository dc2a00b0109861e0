"""Time of one engine step for many options at once.

Compute and memory time of an op class overlap softly, with overlap parameter p::

    t = ((F / (peak e_c))^p + (B / (bandwidth e_m))^p)^(1/p)

A step is the sum of its op classes and of fixed times::

    t_step = dense + experts
           + max2(F_decode / (peak_att 0.5), B_kv / (bandwidth e_kv))
           + F_prefill / (peak_att e_att)
           + B_between / (bandwidth e_m)
           + n_tr a_ar + V / bus + min(V' / bus, n_ar a_ar)
           + L' c_layer + L_moe c_moe + c_step + b c_req
    t_step = max(t_step, L' c_launch)          when the step holds prompts

L' weighs layers by their kernels (:mod:`planner.perf.attention`). Decode-only steps are replayed
as one CUDA graph; a step with prompts is launched kernel by kernel, and short prompts on many
devices wait for the host. Measured: TensorRT-LLM 1.0 on H100 adds 15 to 17 ms for a prompt of
1,024 or 2,048 tokens on 4 and on 8 devices at 32 layers, 28 at 64 layers and 40 at 94.

max2 is the soft maximum with p = 2; both of its terms grow with the same count of cached tokens,
so it is one constant per token. The bus is ``link e_net``, or the measured bus bandwidth of an
all-reduce of this group size. Work per token is in :mod:`planner.perf.work`.

V' is what direct all-reduces send more than those in a ring, whose second phase costs another
latency. T tokens of which each chooses k of E experts hit ``n_hit = E (1 - E[(1 - p)^T])``. How
often an expert is chosen varies with the coefficient c (``expert_cv``); with gamma distributed
shares ``E[(1 - p)^T] = (1 - c^2 T ln(1 - k/E))^(-1 / c^2)``, which tends to ``(1 - k/E)^T``
where all experts are chosen alike.

With data-parallel attention a prompt is computed by one group of D. A step takes as long as its
group with the most prompt tokens, so that the tokens which the others could have computed
meanwhile (``idle_tokens``) count for everything but the experts, which lie on all devices.

With draft tokens (:mod:`planner.perf.speculation`) every decode has g more new tokens, and the
step adds the passes of the draft, each a step of a model of its own::

    t_draft = t_D(T + b g, KV, A, b) + (g - 1) t_D(b, KV, 0, b)

Decode attention reads a request's cache once for its g + 1 tokens and computes for each. At least
one request is taken to be drafted for in every step. Drafts looked up in the text take c_req per
decoding request.

An efficiency above 1 absorbs error of the model's form; it is capped at 1.1, the range in which
such fits were seen to carry over to other options.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.perf.attention import layer_kernels
from planner.perf.network import capped, network_times
from planner.perf.speculation import DraftSteps, draft_spec, draft_work
from planner.perf.work import step_work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from planner.perf.spec import Floats, ReplicaSpec
    from planner.perf.work import StepWork

DECODE_ATTENTION_EFFICIENCY = 0.5
"""Share of peak compute reached by decode attention."""

_LEAST_VARIANCE = 1e-9
"""Below it all experts are chosen alike, and the powers lose their digits."""

_NOT_TIMES = frozenset(
    {
        "overlap",
        "expert_miss_log",
        "expert_variance",
        "expert_skew",
        "expert_hit_skew",
        "expert_skew_limit",
        "window_tokens",
        "tokens",
        "groups",
    }
)


@dataclass(frozen=True, slots=True)
class StepModel:
    """Step time of n options; every field but `draft` is an array of shape (n,).

    Parameters
    ----------
    dense_read_s, dense_token_s, head_request_s
        Weight streaming, and computation per new token and per request.
    expert_read_s, expert_token_s, expert_miss_log
        All routed experts streamed, computation per new token, ln(1 - k/E); 0 without experts.
    expert_variance
        Squared coefficient of variation of how often the experts are chosen, >= 0.
    expert_skew, expert_hit_skew, expert_skew_limit
        The fullest device of the experts has ``min(skew / sqrt(T), limit)`` more choices than
        the mean, and ``min(hit_skew sqrt((1 - p) / p), limit)`` more of the share p that is hit.
    overlap
        Softness p of the maximum of compute and memory time, >= 1.
    kv_token_s, kv_window_token_s, window_tokens
        Decode attention per cached token in layers with full attention and with a window.
    pair_s, pair_window_s
        Prefill attention per attended pair, likewise.
    activation_token_s, network_token_s
        Activations moved between the products, and transfers, per new token.
    direct_token_s, ring_s
        What all-reduces take more: per new token when direct, per step when in a ring.
    fixed_s, request_s
        Per step, and per decoding request.
    launch_s
        Least time of a step with prompts, which the host launches kernel by kernel.
    groups
        Groups of data-parallel attention; one of them computes a prompt while the others wait.
    draft
        What drafts tokens; ``None`` when no option does.
    """

    dense_read_s: Floats
    dense_token_s: Floats
    head_request_s: Floats
    expert_read_s: Floats
    expert_token_s: Floats
    expert_miss_log: Floats
    expert_variance: Floats
    expert_skew: Floats
    expert_hit_skew: Floats
    expert_skew_limit: Floats
    overlap: Floats
    kv_token_s: Floats
    kv_window_token_s: Floats
    window_tokens: Floats
    pair_s: Floats
    pair_window_s: Floats
    activation_token_s: Floats
    network_token_s: Floats
    direct_token_s: Floats
    ring_s: Floats
    fixed_s: Floats
    request_s: Floats
    launch_s: Floats
    groups: Floats
    draft: DraftSteps | None = None

    @property
    def options(self) -> int:
        """Number of options n."""
        return len(self.fixed_s)

    @property
    def decode_tokens(self) -> Floats:
        """New tokens of one decode, shape (n,): 1, or 1 and the draft tokens."""
        return np.ones(self.options) if self.draft is None else 1.0 + self.draft.tokens

    def per_option(self, values: ArrayLike) -> Floats:
        """Return values, scalar or (n,), as one for every option, shape (n,)."""
        return np.broadcast_to(np.asarray(values, dtype=float), (self.options,))

    def take(self, indices: ArrayLike | slice) -> StepModel:
        """Return the options at `indices` (repeats allowed), in that order."""
        rows = indices if isinstance(indices, slice) else np.asarray(indices, dtype=np.intp)
        return self._changed(lambda _, values: values[rows])

    def scaled(self, time_factor: ArrayLike) -> StepModel:
        """Return the model with every time multiplied by `time_factor`, scalar or (n,)."""
        factor = np.asarray(time_factor, dtype=float)
        return self._changed(lambda name, values: values * (1.0 if name in _NOT_TIMES else factor))

    def _changed(self, change: Callable[[str, Floats], Floats]) -> StepModel:
        columns: dict[str, Any] = {n: change(n, getattr(self, n)) for n in _COLUMNS}
        model = StepModel(**columns)
        if self.draft is None:
            return model
        passes = self.draft.passes._changed(change)
        return replace(model, draft=DraftSteps(change("tokens", self.draft.tokens), passes))

    def pairs_s(self, pairs: Floats, tokens: Floats) -> Floats:
        """Return the time of prefill attention, shape (n, k), seconds.

        Parameters
        ----------
        pairs, tokens
            Attended pairs and the prompt tokens that attend, broadcast to shape (n, k), >= 0.
        """
        near = np.minimum(pairs, self.window_tokens[:, None] * tokens)
        time_s = pairs * self.pair_s[:, None] + near * self.pair_window_s[:, None]
        if self.draft is not None:
            time_s = time_s + self.draft.passes.pairs_s(pairs, tokens)
        return np.asarray(time_s, dtype=float)

    def time_s(
        self,
        new_tokens: ArrayLike,
        kv_tokens: ArrayLike,
        attended_pairs: ArrayLike,
        decodes: ArrayLike,
        idle_tokens: ArrayLike = 0.0,
    ) -> Floats:
        """Return the time of one step, seconds.

        Arguments are scalars, or arrays whose first axis is the option; shorter shapes are
        repeated over trailing axes.

        Parameters
        ----------
        new_tokens
            Tokens processed, > 0; one for each decode, draft tokens not counted.
        kv_tokens
            Cached tokens that the decodes read, >= 0.
        attended_pairs
            Pairs of a prefill token and a position it attends to, >= 0.
        decodes
            Requests that decode, >= 0 (a mean may be fractional).
        idle_tokens
            Tokens that groups without a prompt could have processed meanwhile, >= 0.
        """
        inputs = (new_tokens, kv_tokens, attended_pairs, idle_tokens)
        args = [np.asarray(a, dtype=float) for a in inputs]
        batch = np.asarray(decodes, dtype=float)
        ndim = max(1, batch.ndim, *(a.ndim for a in args))
        tokens, cached, pairs, idle = (_trailing(a, ndim) for a in args)
        batch = _trailing(batch, ndim)
        verified = batch
        if self.draft is not None:
            verified = batch * (1.0 + self.draft.tokens_of(ndim))
        every = tokens + (verified - batch)
        waited = every + idle
        time_s = self._dense_s(waited, verified, ndim)
        time_s = time_s + self._attention_s(tokens + idle, cached, pairs, batch, ndim)
        time_s += waited * _trailing(self.activation_token_s + self.network_token_s, ndim)
        time_s += self._further_network_s(waited, ndim)
        time_s += _trailing(self.fixed_s, ndim) + batch * _trailing(self.request_s, ndim)
        time_s = self._add_experts_s(time_s, every, ndim)
        if self.draft is not None:
            time_s = time_s + self.draft.time_s(tokens, cached, pairs, batch)
        if not self.launch_s.any():
            return time_s
        launch_s = np.where(tokens > batch, _trailing(self.launch_s, ndim), 0.0)
        return np.maximum(time_s, launch_s)

    def _further_network_s(self, tokens: Floats, ndim: int) -> Floats:
        direct_s = tokens * _trailing(self.direct_token_s, ndim)
        return np.minimum(direct_s, _trailing(self.ring_s, ndim))

    def _dense_s(self, tokens: Floats, batch: Floats, ndim: int) -> Floats:
        head_s = (batch + 1.0) * _trailing(self.head_request_s, ndim)
        compute_s = tokens * _trailing(self.dense_token_s, ndim) + head_s
        read_s, overlap = _trailing(self.dense_read_s, ndim), _trailing(self.overlap, ndim)
        return _soft_max(compute_s, read_s, overlap)

    def _attention_s(
        self, tokens: Floats, cached: Floats, pairs: Floats, batch: Floats, ndim: int
    ) -> Floats:
        time_s = cached * _trailing(self.kv_token_s, ndim) + pairs * _trailing(self.pair_s, ndim)
        if not self.kv_window_token_s.any():
            return time_s
        window = _trailing(self.window_tokens, ndim)
        prefill = np.maximum(tokens - batch, 0.0)
        near = np.minimum(cached, window * batch) * _trailing(self.kv_window_token_s, ndim)
        return (
            time_s
            + near
            + np.minimum(pairs, window * prefill) * _trailing(self.pair_window_s, ndim)
        )

    def _add_experts_s(self, time_s: Floats, tokens: Floats, ndim: int) -> Floats:
        rows = np.flatnonzero(self.expert_read_s)
        if not rows.size:
            return time_s
        own = tokens if tokens.shape[0] == 1 else tokens[rows]
        hit_share = self._hit_share(rows, own)
        choices = own * _trailing(self.expert_token_s[rows], ndim)
        if self.expert_skew[rows].any():
            choices, hit_share = self._fullest(rows, own, hit_share, choices)
        read_s = hit_share * _trailing(self.expert_read_s[rows], ndim)
        time_s[rows] += _soft_max(choices, read_s, _trailing(self.overlap[rows], ndim))
        return time_s

    def _hit_share(self, rows: NDArray[np.intp], tokens: Floats) -> Floats:
        """Return the share of experts that some of `tokens` choose."""
        variance = np.maximum(_trailing(self.expert_variance[rows], tokens.ndim), _LEAST_VARIANCE)
        chosen = -tokens * _trailing(self.expert_miss_log[rows], tokens.ndim)
        return np.asarray(-np.expm1(-np.log1p(variance * chosen) / variance), dtype=float)

    def _fullest(
        self, rows: NDArray[np.intp], tokens: Floats, hit_share: Floats, time_s: Floats
    ) -> tuple[Floats, Floats]:
        """Return computation and share of experts hit on the fullest device."""
        tiny = np.finfo(float).tiny
        ndim = tokens.ndim
        skew, hit_skew, limit = (
            _trailing(a[rows], ndim)
            for a in (self.expert_skew, self.expert_hit_skew, self.expert_skew_limit)
        )
        more = np.minimum(skew / np.sqrt(np.maximum(tokens, tiny)), limit)
        missed = np.sqrt((1.0 - hit_share) / np.maximum(hit_share, tiny))
        hit = hit_share * (1.0 + np.minimum(hit_skew * missed, limit))
        return time_s * (1.0 + more), np.minimum(hit, 1.0)


_COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(StepModel) if f.name != "draft")
"""Fields that are arrays over the options."""
_NOTHING = tuple(1.0 if name in {"overlap", "groups"} else 0.0 for name in _COLUMNS)
"""Columns of a step that takes no time."""


def step_model(specs: Sequence[ReplicaSpec]) -> StepModel:
    """Return the step model of `specs`, one option each, in order."""
    model = _steps([_coefficients(s, step_work(s)) for s in specs])
    if all(s.draft is None for s in specs):
        return model
    tokens = np.array([s.decode_tokens - 1 for s in specs], dtype=float)
    passes = [_draft_coefficients(s) for s in specs]
    return replace(model, draft=DraftSteps(tokens, _steps(passes)))


def _steps(rows: Sequence[tuple[float, ...]]) -> StepModel:
    columns = np.array(rows, dtype=float).reshape(len(rows), len(_COLUMNS))
    return StepModel(*np.ascontiguousarray(columns.T))


def _draft_coefficients(spec: ReplicaSpec) -> tuple[float, ...]:
    """Return the columns of one pass of the draft of `spec`."""
    draft = spec.draft
    if draft is None or draft.architecture is None:
        return _NOTHING
    own = draft_spec(spec, draft.architecture)
    return _coefficients(own, draft_work(own, draft.params))


def _coefficients(spec: ReplicaSpec, work: StepWork) -> tuple[float, ...]:
    arch, device, theta = spec.architecture, spec.device, spec.parameters
    peak, bandwidth = device.peak_flops, device.bandwidth_bytes_per_s
    dense_flops = peak * capped(theta.e_c)
    layers = arch.layers * layer_kernels(arch)
    fixed_s = layers * theta.c_layer_s + arch.moe_layers * theta.c_moe_s + theta.c_step_s
    attention_flops = device.peak_attention_flops * capped(theta.e_att)
    state_s = work.state_bytes_per_request / (bandwidth * capped(theta.e_kv))
    network = network_times(spec, work)
    draft, launched, request_s = spec.draft, layers, theta.c_req_s + state_s
    if draft is not None and draft.architecture is None:
        request_s += theta.c_req_s
    elif draft is not None and draft.architecture is not None:
        launched += draft.architecture.layers * layer_kernels(draft.architecture)
    return (
        work.dense_read_bytes / (bandwidth * capped(theta.e_m)),
        work.dense_flop_per_token / dense_flops,
        work.head_flop_per_request / (device.peak_attention_flops * capped(theta.e_c)),
        work.expert_read_bytes / (bandwidth * capped(theta.e_m_moe)),
        work.expert_flop_per_token / (peak * capped(theta.e_c_moe)),
        work.expert_miss_log,
        theta.expert_cv**2,
        work.expert_skew,
        work.expert_hit_skew,
        work.expert_skew_limit,
        theta.p_overlap,
        _cached_token_s(spec, work.kv_flop_per_token, work.kv_read_bytes_per_token),
        _cached_token_s(spec, work.near_flop_per_token, work.near_read_bytes_per_token),
        work.window_tokens,
        work.pair_flop / attention_flops,
        work.near_pair_flop / attention_flops,
        work.activation_bytes_per_token / (bandwidth * capped(theta.e_m)),
        network.token_s,
        network.direct_token_s,
        network.ring_s,
        fixed_s + network.fixed_s,
        request_s,
        launched * theta.c_launch_s,
        float(spec.data_parallel),
    )


def _cached_token_s(spec: ReplicaSpec, flop: float, read_bytes: float) -> float:
    device = spec.device
    compute_s = flop / (device.peak_attention_flops * DECODE_ATTENTION_EFFICIENCY)
    compute_s *= spec.decode_tokens
    bandwidth = device.bandwidth_bytes_per_s * capped(spec.parameters.e_kv)
    return math.hypot(compute_s, read_bytes / bandwidth)


def _trailing(array: Floats, ndim: int) -> Floats:
    if array.ndim in (0, ndim):
        return array.reshape((1,) * ndim) if array.ndim == 0 else array
    return array.reshape(array.shape + (1,) * (ndim - array.ndim))


def _soft_max(compute_s: Floats, read_s: Floats, overlap: Floats) -> Floats:
    # Dividing by the larger side keeps both powers between 0 and 1, so nothing underflows.
    larger = np.maximum(compute_s, read_s)
    smaller = np.minimum(compute_s, read_s)
    ratio: NDArray[np.float64] = smaller / np.maximum(larger, np.finfo(float).tiny)
    return np.asarray(larger * (1.0 + ratio**overlap) ** (1.0 / overlap), dtype=float)

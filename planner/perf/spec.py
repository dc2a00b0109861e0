"""What the performance model knows about one replica: device, number format, engine, parameters.

Every figure is in SI units. The efficiencies of :class:`StepParameters` are shares of the peak of
the data sheet *after* the multipliers of engine and number format; where they come from is the
caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from planner.perf.arch import kv_bytes_per_token
from planner.perf.attention import layer_kernels, state_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.perf.arch import Architecture
    from planner.perf.speculation import Draft

Floats = NDArray[np.float64]
Scheduler = Literal["chunked", "prefill_priority"]


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator, and what connects it to the others of its replica.

    Parameters
    ----------
    memory_bytes
        Memory that the driver reports, bytes, > 0.
    bandwidth_bytes_per_s
        Peak memory bandwidth, bytes/s, > 0.
    peak_flops
        Peak of matrix products in the compute type of the number format, FLOP/s, > 0.
    peak_attention_flops
        Peak of attention (bf16), FLOP/s, > 0.
    link_bytes_per_s
        Link bandwidth per direction, bytes/s; ``None`` when unknown.
    allreduce_bandwidth_bytes_per_s
        Measured bus bandwidth of an all-reduce in a group of this size, bytes/s; ``None`` when
        not measured. It replaces the link.
    allreduce_latency_s
        Measured time of a small all-reduce in a group of this size, seconds; ``None`` when not
        measured. It replaces ``StepParameters.a_ar_s``.
    """

    memory_bytes: float
    bandwidth_bytes_per_s: float
    peak_flops: float
    peak_attention_flops: float
    link_bytes_per_s: float | None = None
    allreduce_bandwidth_bytes_per_s: float | None = None
    allreduce_latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """Bytes per number, scales included.

    Parameters
    ----------
    weight_bytes
        Bytes per weight outside routed experts, > 0 (the mean of a mixed checkpoint).
    expert_weight_bytes
        Bytes per weight of routed experts, > 0.
    kv_bytes
        Bytes per cached element, > 0.
    """

    weight_bytes: float
    expert_weight_bytes: float
    kv_bytes: float


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the serving engine forms its steps.

    Parameters
    ----------
    scheduler
        ``chunked``: prompts are cut to chunks that share steps with decodes;
        ``prefill_priority``: whole prompts run alone and decodes wait.
    chunk_tokens
        Most new tokens of a step, > 0.
    max_num_seqs
        Most requests of a step, > 0.
    memory_fraction
        Share of device memory that the engine uses, 0 to 1.
    is_fraction_of_free
        Whether it is the share of what weights and runtime leave free that the cache takes.
    """

    scheduler: Scheduler = "chunked"
    chunk_tokens: int = 8192
    max_num_seqs: int = 256
    memory_fraction: float = 0.9
    is_fraction_of_free: bool = False


@dataclass(frozen=True, slots=True)
class StepParameters:
    """Parameters of the step time, after the multipliers of engine and number format.

    The defaults are the end-to-end fit for bf16.

    Parameters
    ----------
    e_c, e_m
        Share of peak compute and bandwidth reached by dense layers.
    p_overlap
        Softness of the maximum of compute and memory time, >= 1.
    e_c_moe, e_m_moe
        The same shares for routed experts.
    expert_cv
        Coefficient of variation of how often the experts of a layer are chosen, >= 0.
    e_kv, e_att
        Share of bandwidth reached by decode attention, of compute by prefill attention.
    a_ar_s
        Fixed time of one all-reduce, seconds.
    e_net
        Share of link bandwidth that an all-reduce reaches.
    c_layer_s, c_moe_s, c_step_s, c_req_s
        Fixed time per layer, per MoE layer, per step, and per decoding request, seconds.
    c_launch_s
        Time per layer in which the host can launch a step with prompts, seconds.
    c_first_s
        Host time per layer of a prompt before its first token, beside the engine steps, seconds.
    t_req_s
        Time of a request outside the engine, seconds.
    """

    e_c: float = 0.817
    e_m: float = 0.851
    p_overlap: float = 1.26
    e_c_moe: float = 0.28
    e_m_moe: float = 0.957
    expert_cv: float = 0.7
    e_kv: float = 0.821
    e_att: float = 0.504
    a_ar_s: float = 7e-6
    e_net: float = 0.33
    c_layer_s: float = 44.7e-6
    c_moe_s: float = 18.9e-6
    c_step_s: float = 0.432e-3
    c_req_s: float = 16e-6
    c_launch_s: float = 0.437e-3
    c_first_s: float = 0.7e-3
    t_req_s: float = 25e-3


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """One way to run a model: everything that decides step time and memory.

    A replica has ``tensor_parallel * data_parallel * pipeline_parallel`` devices. Every group of
    `tensor_parallel` devices holds attention and dense layers once per pipeline; the experts of a
    layer lie on all the devices of its stage.

    Parameters
    ----------
    tensor_parallel
        Devices that attention and dense layers are split over, >= 1.
    data_parallel
        Groups that hold attention and dense layers each for itself and share the requests, >= 1.
    expert_parallel
        Devices that whole experts are spread over, >= 1; 1 splits every expert over all devices.
    pipeline_parallel
        Stages that the layers are split into, >= 1.
    draft
        What proposes tokens; ``None`` decodes one token per step.

    Raises
    ------
    ValueError
        When a degree is below 1, when whole experts cannot be spread so, or when several devices
        have no link bandwidth.
    """

    architecture: Architecture
    device: Device
    number_format: NumberFormat
    engine: EngineSettings
    parameters: StepParameters
    tensor_parallel: int = 1
    data_parallel: int = 1
    expert_parallel: int = 1
    pipeline_parallel: int = 1
    draft: Draft | None = None

    def __post_init__(self) -> None:
        for name in _DEGREES:
            if getattr(self, name) < 1:
                msg = f"{name} is {getattr(self, name)}; accepted: 1 or more"
                raise ValueError(msg)
        if self.stage_devices % self.expert_parallel:
            msg = (
                f"expert_parallel is {self.expert_parallel}; "
                f"accepted: divisors of {self.stage_devices} devices"
            )
            raise ValueError(msg)
        bandwidths = (self.device.link_bytes_per_s, self.device.allreduce_bandwidth_bytes_per_s)
        if self.devices > 1 and all(b is None for b in bandwidths):
            degree = next(name for name in _DEGREES if getattr(self, name) > 1)
            msg = (
                f"{degree} is {getattr(self, degree)}, which needs link_bytes_per_s or "
                "allreduce_bandwidth_bytes_per_s of the device"
            )
            raise ValueError(msg)

    @property
    def stage_devices(self) -> int:
        """Devices of one pipeline stage."""
        return self.tensor_parallel * self.data_parallel

    @property
    def devices(self) -> int:
        """Devices of the replica."""
        return self.stage_devices * self.pipeline_parallel

    @property
    def lanes(self) -> int:
        """Groups of devices that work on different requests at the same time."""
        return self.data_parallel * self.pipeline_parallel

    @property
    def decode_tokens(self) -> int:
        """Tokens that a decoding request processes in a step."""
        return 1 if self.draft is None else self.draft.tokens + 1


_DEGREES = ("tensor_parallel", "data_parallel", "pipeline_parallel", "expert_parallel")


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Engine settings of n options as arrays of shape (n,).

    Parameters
    ----------
    is_chunked
        Whether prompts share steps with decodes.
    chunk_tokens, max_num_seqs
        As in :class:`EngineSettings`, of all the groups that share the requests. Where tokens are
        verified, no more requests decode than the tokens of a step have space for.
    request_s
        Time of a request outside the engine steps, seconds.
    state_tokens
        Cache that a request holds whatever its length, in tokens.
    """

    is_chunked: NDArray[np.bool_]
    chunk_tokens: Floats
    max_num_seqs: Floats
    request_s: Floats
    state_tokens: Floats

    def take(self, indices: NDArray[np.intp] | slice) -> EngineLimits:
        """Return the options at `indices`."""
        return EngineLimits(
            self.is_chunked[indices],
            self.chunk_tokens[indices],
            self.max_num_seqs[indices],
            self.request_s[indices],
            self.state_tokens[indices],
        )


def engine_limits(specs: Sequence[ReplicaSpec]) -> EngineLimits:
    """Return the engine settings of `specs` as arrays."""
    return EngineLimits(
        is_chunked=np.array([s.engine.scheduler == "chunked" for s in specs], dtype=bool),
        chunk_tokens=np.array([s.engine.chunk_tokens * s.lanes for s in specs], dtype=float),
        max_num_seqs=np.array([_most_decodes(s) * s.lanes for s in specs], dtype=float),
        request_s=np.array([_request_s(s) for s in specs], dtype=float),
        state_tokens=np.array([state_tokens(s) for s in specs], dtype=float),
    )


def _request_s(spec: ReplicaSpec) -> float:
    """Return the time of a request beside the engine steps."""
    arch, theta = spec.architecture, spec.parameters
    return theta.t_req_s + arch.layers * layer_kernels(arch) * theta.c_first_s


def _most_decodes(spec: ReplicaSpec) -> int:
    engine = spec.engine
    if spec.draft is None or engine.scheduler != "chunked":
        return engine.max_num_seqs
    return max(1, min(engine.max_num_seqs, engine.chunk_tokens // spec.decode_tokens))


def state_tokens(spec: ReplicaSpec) -> float:
    """Return the cache that a request holds whatever its length, in tokens."""
    arch = spec.architecture
    token_bytes = kv_bytes_per_token(arch, spec.number_format.kv_bytes, spec.tensor_parallel)
    return state_bytes(arch) / token_bytes if token_bytes else 0.0

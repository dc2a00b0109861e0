"""Worlds of the performance tests: published model shapes, one device, one class of traffic."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from planner.perf.arch import Architecture
from planner.perf.memory import MemoryFit, memory_fit
from planner.perf.rate import max_rates
from planner.perf.spec import (
    Device,
    EngineLimits,
    EngineSettings,
    NumberFormat,
    ReplicaSpec,
    StepParameters,
    engine_limits,
)
from planner.perf.step import StepModel, step_model
from planner.perf.traffic import LatencyLimit, TrafficClass

MIB = 1_048_576

MODELS = {
    "llama-3.1-8b": Architecture(32, 4096, 32, 8, 128, 14336, 128256),
    "llama-3.3-70b": Architecture(80, 8192, 64, 8, 128, 28672, 128256),
    "llama-3.1-405b": Architecture(126, 16384, 128, 8, 128, 53248, 128256),
    "qwen3-32b": Architecture(64, 5120, 64, 8, 128, 25600, 151936),
    "mixtral-8x7b": Architecture(
        32, 4096, 32, 8, 128, None, 32000,
        experts_routed=8, experts_active=2, moe_intermediate=14336,
    ),
    "qwen3-235b-a22b": Architecture(
        94, 4096, 64, 4, 128, 12288, 151936,
        experts_routed=128, experts_active=8, moe_intermediate=1536,
    ),
    "deepseek-v3": Architecture(
        61, 7168, 128, None, None, 18432, 129280,
        experts_routed=256, experts_active=8, experts_shared=1, moe_intermediate=2048,
        dense_first_layers=3, kv_lora_rank=512, q_lora_rank=1536, qk_rope_head_dim=64,
        qk_nope_head_dim=128, v_head_dim=128,
    ),
    "gpt-oss-120b": Architecture(
        36, 2880, 64, 8, 64, 2880, 201088,
        experts_routed=128, experts_active=4, moe_intermediate=2880, sliding_window=128,
        full_attention_fraction=0.5,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """One option and one class of traffic, and what they can carry."""

    spec: ReplicaSpec
    traffic: TrafficClass

    def with_device(self, **changes):
        return replace(self, spec=replace(self.spec, device=replace(self.spec.device, **changes)))

    def with_engine(self, **changes):
        return replace(self, spec=replace(self.spec, engine=replace(self.spec.engine, **changes)))

    def with_limits(self, *limits):
        return replace(self, traffic=replace(self.traffic, limits=limits))

    def with_traffic(self, **changes):
        return replace(self, traffic=replace(self.traffic, **changes))

    @property
    def step(self) -> StepModel:
        return step_model([self.spec])

    @property
    def memory(self) -> MemoryFit:
        return memory_fit([self.spec], max_tokens_per_request=self.traffic.max_tokens_per_request)

    @property
    def engine(self) -> EngineLimits:
        return engine_limits([self.spec])

    def solve(self, probes=None, **options):
        probes = [self.traffic] if probes is None else probes
        options.setdefault("samples", 512)
        return max_rates(self.step, self.memory, self.engine, self.traffic, probes, **options)

    def rate(self, **options) -> float:
        options.setdefault("replicas", (1,))
        return float(self.solve(**options).rate_rps[0, 0])


@pytest.fixture(scope="session")
def models():
    return MODELS


@pytest.fixture(scope="session")
def h100():
    return Device(
        memory_bytes=81_559 * MIB,
        bandwidth_bytes_per_s=3.35e12,
        peak_flops=989e12,
        peak_attention_flops=989e12,
        link_bytes_per_s=450e9,
    )


@pytest.fixture(scope="session")
def spec_of(h100):
    """Return a factory of replica specs on H100."""

    def build(model, *, tensor_parallel=1, weight_bytes=2.0, kv_bytes=2.0, **engine):
        return ReplicaSpec(
            architecture=MODELS[model],
            device=h100,
            number_format=NumberFormat(weight_bytes, weight_bytes, kv_bytes),
            engine=EngineSettings(**engine),
            parameters=StepParameters(t_req_s=0.02),
            tensor_parallel=tensor_parallel,
        )

    return build


@pytest.fixture(scope="session")
def chat():
    """Return mixed prompts of about 1,000 tokens with outputs of about 200."""
    isl = np.array([200.0, 800.0, 1500.0, 4000.0])
    osl = np.array([150.0, 300.0, 200.0, 100.0])
    share = np.array([0.4, 0.3, 0.2, 0.1])
    limits = (LatencyLimit("ttft", 99.0, 0.8), LatencyLimit("tpot", None, 0.05))
    return TrafficClass("chat", isl, osl, share, limits=limits)


@pytest.fixture(scope="session")
def world(spec_of, chat):
    """Return an 8B model on one H100 that serves chat."""
    return World(spec_of("llama-3.1-8b"), chat)

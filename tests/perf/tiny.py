"""A model of two layers on a device of round numbers, for steps that are counted by hand."""

from __future__ import annotations

from dataclasses import replace

from planner.perf.arch import Architecture
from planner.perf.spec import Device, EngineSettings, NumberFormat, ReplicaSpec, StepParameters
from planner.perf.step import step_model

TINY = Architecture(2, 8, 4, 2, 2, 16, 10)
TINY_BODY = 2 * ((8 * 2 * (4 + 2 * 2) + 4 * 2 * 8) + 3 * 8 * 16)
TINY_HEAD = 8 * 10
# per layer two norms and outputs of width 8, query, key and value of 16, values of 8, block of 16
TINY_MOVED_S = 2 * 2 * (10 * 8 + (3 * (8 + 8) + 8) + 5 * 16) / 1e9
ROUND_DEVICE = Device(1e9, 1e9, 1e12, 1e12, link_bytes_per_s=1e9)
BF16 = NumberFormat(2.0, 2.0, 2.0)
BARE = StepParameters(
    e_c=1.0, e_m=1.0, p_overlap=1.0, e_c_moe=1.0, e_m_moe=1.0, expert_cv=0.0, e_kv=1.0, e_att=1.0,
    a_ar_s=0.0, e_net=1.0, c_layer_s=0.0, c_moe_s=0.0, c_step_s=0.0, c_req_s=0.0,
    c_launch_s=0.0, t_req_s=0.0,
)  # fmt: skip


def tiny_spec(**changes):
    spec = ReplicaSpec(TINY, ROUND_DEVICE, BF16, EngineSettings(), BARE)
    return replace(spec, **changes)


def time_s(spec, *work):
    return step_model([spec]).time_s(*work)[0]

"""Time of the transfers between the devices of a replica.

The bus is ``link e_net``, or the measured bus bandwidth of an all-reduce of the group's size; a
measured latency replaces the fitted one. Work is in :mod:`planner.perf.work`.

That latency is the one of an exchange in one phase, by the kernels of the engines. A ring of TP
devices passes ``2 (TP - 1)`` hops one after the other, and at least two such phases::

    latency of a ring = max(2 a_ar, 2 (TP - 1) hop)

Source of the hop: all-reduces of 1 to 16 MB by NCCL on 8 devices of A100, H100 and H200 take 35 to
45 us more than their volume takes at the bandwidth of long ones (Azure/AI-benchmarking-guide).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.perf.spec import ReplicaSpec
    from planner.perf.work import StepWork

RING_HOP_S = 2.8e-6
"""Time of one hop of a ring, whatever it carries, seconds."""
MAX_EFFICIENCY = 1.1
"""Cap of an effective efficiency."""


@dataclass(frozen=True, slots=True)
class NetworkTimes:
    """Times of the transfers between the devices of a replica, seconds.

    Parameters
    ----------
    token_s
        Per new token.
    direct_token_s, ring_s
        What direct all-reduces take beyond that per new token, and those in a ring per step; the
        lesser of the two is paid.
    fixed_s
        Per step.
    """

    token_s: float = 0.0
    direct_token_s: float = 0.0
    ring_s: float = 0.0
    fixed_s: float = 0.0


def network_times(spec: ReplicaSpec, work: StepWork) -> NetworkTimes:
    """Return the times of the transfers of a replica, 0 for a single device.

    Parameters
    ----------
    spec
        The replica.
    work
        Its work per step.
    """
    if spec.devices == 1:
        return NetworkTimes()
    device, theta = spec.device, spec.parameters
    bus = device.allreduce_bandwidth_bytes_per_s
    if bus is None:
        bus = (device.link_bytes_per_s or 0.0) * capped(theta.e_net)
    measured_s = device.allreduce_latency_s
    latency_s = theta.a_ar_s if measured_s is None else measured_s
    return NetworkTimes(
        work.network_bytes_per_token / bus,
        work.direct_bytes_per_token / bus,
        work.all_reduces * max(latency_s, _ring_latency_s(spec) - latency_s),
        work.transfers * latency_s,
    )


def _ring_latency_s(spec: ReplicaSpec) -> float:
    """Return the time that the hops of an all-reduce in a ring take, seconds."""
    return 2.0 * (spec.tensor_parallel - 1) * RING_HOP_S


def capped(efficiency: float) -> float:
    """Return an efficiency within the range in which fits were seen to carry over."""
    return min(efficiency, MAX_EFFICIENCY)

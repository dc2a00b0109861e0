"""From the end of a prefill to the first token, when another instance decodes.

The cache of the whole prompt crosses the scale-up link, from the devices that hold it to those
that will read it. With TP_p and TP_d devices per request and bandwidth W of the link of one
device, of which the transfer reaches the share s::

    transfer = prompt tokens  kv_bytes(TP_d) / (min(TP_p, TP_d) W s)
    handover = fixed + transfer + rest of the running decode step [+ one decode step]

``kv_bytes(TP_d)`` counts every copy that the decode instance keeps (all ranks of latent
attention, heads that cannot be split). `fixed` is what routers, handshakes and polling take
whatever the length. A state of fixed size (linear attention) goes with every request.

The client is answered by the decode instance, so the handover is part of the time to first token:

==============  ==================================================================================
vLLM            the token that the prefill sampled is thrown away; the decode instance computes it
                again from the cache, which takes a step more (vllm-project/vllm pull 51919)
SGLang          the first token travels with the cache and appears when the decode instance takes
                the request in (sgl-project/sglang ``disaggregation/decode.py``)
TensorRT-LLM    the same (NVIDIA/TensorRT-LLM issue 9212 and pull 6512)
Dynamo          runs these engines; its tokens stream from the decode worker
==============  ==================================================================================

Not modelled: transfer of a layer while the next one is computed, transfers that meet on the link,
blocks of a prefix that the decode instance already holds, and the cache that is reserved on the
decode instance while a transfer is under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.arch import kv_bytes_per_token
from planner.perf.spec import state_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from planner.perf.spec import Floats, ReplicaSpec


@dataclass(frozen=True, slots=True)
class HandoverParameters:
    """What a handover takes beside the decode steps.

    Parameters
    ----------
    link_share
        Share of the bandwidth of a device's link that the transfer reaches, above 0.
    fixed_s
        Time whatever the length, seconds, >= 0.
    recomputed
        Whether the decode instance computes the first token again.

    Raises
    ------
    ValueError
        When a number is outside its range.
    """

    link_share: float
    fixed_s: float
    recomputed: bool

    def __post_init__(self) -> None:
        if self.link_share <= 0:
            msg = f"link_share is {self.link_share}; accepted: above 0"
            raise ValueError(msg)
        if self.fixed_s < 0:
            msg = f"fixed_s is {self.fixed_s}; accepted: 0 or more"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Handover:
    """Handovers of n pairs of instances; arrays of shape (n,).

    Parameters
    ----------
    fixed_s, token_s
        Time whatever the length, and per token of the prompt, seconds.
    further_steps
        Whole decode steps before the first token, after the running one.
    """

    fixed_s: Floats
    token_s: Floats
    further_steps: Floats

    def take(self, indices: NDArray[np.intp]) -> Handover:
        """Return the pairs at `indices`."""
        return Handover(self.fixed_s[indices], self.token_s[indices], self.further_steps[indices])

    def scaled(self, time_factor: ArrayLike) -> Handover:
        """Return the handovers with every time multiplied by `time_factor`, scalar or (n,)."""
        factor = np.asarray(time_factor, dtype=float)
        return Handover(self.fixed_s * factor, self.token_s * factor, self.further_steps)

    def transfer_s(self, prompt_tokens: Floats) -> Floats:
        """Return the time without decode steps of prompts of shape (u,), shape (n, u), seconds."""
        return np.asarray(
            self.fixed_s[:, None] + self.token_s[:, None] * prompt_tokens, dtype=float
        )


def handovers(
    pairs: Sequence[tuple[ReplicaSpec, ReplicaSpec]], parameters: Sequence[HandoverParameters]
) -> Handover:
    """Return the handovers from the first instance of every pair to the second.

    Raises
    ------
    ValueError
        When a pair has no link bandwidth.
    """
    rows = [_row(*pair, p) for pair, p in zip(pairs, parameters, strict=True)]
    return Handover(*np.array(rows, dtype=float).reshape(len(rows), 3).T)


def _row(
    prefill: ReplicaSpec, decode: ReplicaSpec, parameters: HandoverParameters
) -> tuple[float, float, float]:
    link = decode.device.link_bytes_per_s
    if link is None:
        msg = "a handover needs link_bytes_per_s of the device"
        raise ValueError(msg)
    received = kv_bytes_per_token(
        decode.architecture, decode.number_format.kv_bytes, decode.tensor_parallel
    )
    lanes = min(prefill.tensor_parallel, decode.tensor_parallel)
    token_s = received / (lanes * link * parameters.link_share)
    fixed_s = parameters.fixed_s + token_s * state_tokens(decode)
    return fixed_s, token_s, float(parameters.recomputed)

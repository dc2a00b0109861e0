"""The parameters that all combinations share, and what is expected of them before any serving row.

Priors come from operation tables, from data sheets and from how the engines work; their widths say
how far those are trusted. Multipliers of formats and engines have the prior 1 unless something is
known: products of 8 and 4 bits reach less of their own, higher peak; weights of 4 bits are
streamed at 0.85 of the share of others (0.55 to 0.75 of the bandwidth in operation tables, against
0.80); experts in MXFP4 multiply in 8 bits, at twice the rate of bf16, where the device can. On
such devices routing, quantization and both products of an expert layer are few fused kernels.
Engines of 2025 schedule the next step while the device works, so a step costs the host little.
The first token waits for the host: kernels of a prompt are launched one by one from an idle device
and the result is read a step later, in all somewhat more per layer than a launch alone; client,
tokenizer and network take some tens of milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Free:
    """A row of ``calibration.csv`` that may move.

    Parameters
    ----------
    parameter, scope, key_id
        Its key.
    prior, width
        Value expected before any serving row was seen, and the width of ln(value) around it.
    """

    parameter: str
    scope: str
    key_id: str
    prior: float
    width: float

    @property
    def key(self) -> Key:
        """Key of the row."""
        return (self.parameter, self.scope, self.key_id)


def _default(parameter: str, prior: float, width: float) -> Free:
    return Free(parameter, "default", "all", prior, width)


def _format(parameter: str, quantization: str, prior: float, width: float) -> Free:
    return Free(parameter, "quantization", quantization, prior, width)


_ENGINES = ("vllm", "sglang", "trtllm")
FREE: tuple[Free, ...] = (
    # Shares of the peaks: operation tables of several devices.
    _default("e_c", 0.74, 0.06),
    _default("e_m", 0.85, 0.05),
    _default("p_overlap", 1.6, 0.25),
    _default("e_c_moe", 0.35, 0.4),
    _default("e_m_moe", 0.80, 0.1),
    _default("expert_cv", 0.6, 0.4),
    _default("e_kv", 0.80, 0.08),
    _default("e_att", 0.50, 0.12),
    # Fixed times: launches of kernels and host work.
    _default("c_layer_us", 40.0, 0.25),
    _default("c_moe_us", 20.0, 0.3),
    _default("c_step_us", 250.0, 0.4),
    _default("c_req_us", 6.0, 0.4),
    _default("c_launch_us", 350.0, 0.3),
    _default("c_first_us", 500.0, 0.5),
    _default("t_req_ms", 30.0, 0.5),
    _default("mix", 1.0, 0.07),
    _default("queue", 0.95, 0.2),
    _default("burst", 0.12, 0.3),
    *(Free("c_layer_us", "engine", e, 1.0, 0.2) for e in _ENGINES),
    *(Free("c_first_us", "engine", e, 1.0, 0.4) for e in _ENGINES),
    # Formats, of their own peak.
    _format("e_c", "fp8", 0.72, 0.12),
    _format("e_c", "nvfp4", 0.52, 0.15),
    _format("e_c_moe", "fp8-block", 1.0, 0.2),
    _format("e_c_moe", "nvfp4", 1.0, 0.2),
    _format("e_c_moe", "mxfp4", 1.5, 0.2),
    _format("e_c_moe", "int4", 1.0, 0.2),
    _format("e_m_moe", "nvfp4", 0.85, 0.12),
    _format("e_m_moe", "mxfp4", 1.0, 0.12),
    _format("e_m_moe", "int4", 1.0, 0.12),
    _format("c_layer_us", "nvfp4", 1.0, 0.25),
    _format("c_moe_us", "nvfp4", 1.0, 0.4),
    _format("c_moe_us", "int4", 1.0, 0.2),
)

FAMILIES: tuple[Free, ...] = (
    # Balanced over batches of all training data and not within each text, so that experts
    # specialize (Qiu et al., arXiv 2501.11873): a batch of alike texts meets fewer of them.
    Free("expert_cv", "family", "qwen3", 1.0, 0.4),
)
"""Rows of families of models. They are fitted after all others, which they never move."""


def _as(parameter: str, to: str, of: str, other: str = "") -> tuple[Key, Key]:
    return (parameter, "quantization", to), (other or parameter, "quantization", of)


TIED: Mapping[Key, Key] = dict(
    (
        *(_as("e_c", to, "fp8") for to in ("fp8-kv8", "int8", "fp8-block")),
        *(_as("e_c_moe", to, "fp8-block") for to in ("fp8", "fp8-kv8")),
        _as("e_m", "nvfp4", "nvfp4", "e_m_moe"),
        *(_as(name, "mxfp4", "nvfp4") for name in ("c_layer_us", "c_moe_us")),
        *((("t_req_ms", "engine", e), ("c_first_us", "engine", e)) for e in _ENGINES),
    )
)
"""Rows that repeat another one. Sources rarely say whether fp8 has a scale per block, so the two
share their parameters; both formats of 4 bits run on the same fused kernels. The host times of a
request are those of one program, which is slow or fast in all of them."""

"""Accelerators, the names others give them, the links between them, and what runs on them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from planner.catalog.schema.row import Count, Fraction, Key, Positive, Row
from planner.units import BYTES_PER_GB, BYTES_PER_MIB, FLOPS_PER_TFLOPS


class Accelerator(Row):
    """One GPU or comparable device. Rates are dense, never with sparsity."""

    id: Key
    name: str
    vendor: str
    kind: Literal["gpu", "tpu", "asic", "system"]
    form_factor: str = ""
    architecture: Key | None = None
    """Generation by which serving engines state what they run (`hopper`, `ada`, `cdna3`)."""
    memory_mib: Positive
    """Memory a process can see, as the driver reports it."""
    memory_basis: Literal["driver", "vendor"]
    """`vendor` when no driver reading is known: the product figure, read as 10^9 bytes per GB
    unless the maker's page says GiB."""
    bandwidth_gb_per_s: Positive
    bf16_tflops: Positive | None = None
    fp16_tflops: Positive | None = None
    """Blank where fp16 runs at the bf16 rate."""
    fp8_tflops: Positive | None = None
    int8_tops: Positive | None = None
    fp4_tflops: Positive | None = None
    link: Literal["nvlink", "infinity_fabric", "pcie", "ethernet", "ici", "neuronlink", "none"]
    link_gb_per_s: Positive | None = None
    """Scale-up link per accelerator in one direction; vendors often print both added up."""
    tdp_w: Positive | None = None
    accelerators_per_node: Count | None = None
    node_it_power_w: Positive | None = None

    @property
    def memory_bytes(self) -> float:
        """Visible memory in bytes."""
        return self.memory_mib * BYTES_PER_MIB

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Memory bandwidth in bytes per second."""
        return self.bandwidth_gb_per_s * BYTES_PER_GB

    def peak_flops(self, compute: str) -> float | None:
        """Return the dense rate in FLOP/s (or OP/s) at a compute type, ``None`` when unknown."""
        rate = {
            "bf16": self.bf16_tflops,
            "fp16": self.fp16_tflops or self.bf16_tflops,
            "fp8": self.fp8_tflops,
            "int8": self.int8_tops,
            "fp4": self.fp4_tflops,
        }[compute]
        return None if rate is None else rate * FLOPS_PER_TFLOPS

    @property
    def peak_16_bit_flops(self) -> float | None:
        """Dense rate of 16-bit products in FLOP/s: bf16, or fp16 on parts without bf16."""
        return self.peak_flops("bf16") or self.peak_flops("fp16")


class Alias(Row):
    """A name somebody else gives to an accelerator."""

    key_fields: ClassVar[tuple[str, ...]] = ("alias",)

    alias: Annotated[str, Field(min_length=1)]
    accelerator: Key


class Interconnect(Row):
    """Measured all-reduce of a group of accelerators in one node."""

    key_fields: ClassVar[tuple[str, ...]] = ("accelerator", "accelerators")

    accelerator: Key
    accelerators: Count
    allreduce_latency_us: Positive
    bus_bandwidth_gb_per_s: Positive


class Engine(Row):
    """A serving engine and the settings a plan assumes."""

    id: Key
    name: str
    versions: str
    scheduler: Literal["chunked", "prefill_priority"]
    chunk_tokens: Count
    """Token budget of one engine step (prefill chunks plus decodes), as the engine ships."""
    chunk_tokens_choices: Annotated[str, Field(pattern=r"^[1-9][0-9]*( [1-9][0-9]*)*$")] | None = (
        None
    )
    """Token budgets that a plan may set instead, separated by spaces."""
    max_num_seqs: Count
    memory_fraction: Fraction
    """Share of accelerator memory the engine may use."""
    memory_basis: Literal["device", "free"] | None = None
    """Of what it is a share: all memory, or what weights and runtime leave free (then the share is
    that of the cache). Blank: all memory."""
    first_token: Literal["recomputed", "handed_over"] | None = None
    """What becomes of the first token when another instance decodes: it is computed again there,
    or goes there with the cache. Blank: the engine is not known to run so."""

    @property
    def chunk_budgets(self) -> tuple[int, ...]:
        """Token budgets of a step that a plan may choose from, ascending."""
        stated = self.chunk_tokens_choices or str(self.chunk_tokens)
        return tuple(sorted({int(tokens) for tokens in stated.split()}))


class FormatSupport(Row):
    """How an engine runs a number format on an architecture; without a row it is not known to."""

    key_fields: ClassVar[tuple[str, ...]] = ("engine", "quantization", "architecture")

    engine: Key
    quantization: Key
    architecture: Key
    mode: Literal["native", "weight_only", "emulated"]
    """`native`: products in the type of the format; `weight_only`: weights are stored in it and
    multiply in 16 bits; `emulated`: it runs, at a speed that nobody states."""


class Calibration(Row):
    """A parameter of the performance model, or a multiplier of one for a narrower scope."""

    key_fields: ClassVar[tuple[str, ...]] = ("parameter", "scope", "key_id")

    parameter: Key
    scope: Literal["default", "accelerator", "engine", "quantization", "family", "combination"]
    key_id: str
    """Accelerator, engine, quantization or family of models the row applies to; `all` for scope
    `default`;
    `model/quantization/engine/accelerator` for scope `combination`, as in the id of an option."""
    kind: Literal["value", "multiplier"]
    value: Positive
    low: Positive | None = None
    high: Positive | None = None
    unit: str
    provenance: Literal["modelled", "class_default", "calibrated", "two_point", "measured"]

    @field_validator("value")
    @classmethod
    def _idles_below_its_rating(cls, value: float, info: ValidationInfo) -> float:
        is_share = info.data.get("parameter") == "power_idle"
        if is_share and (value >= 1 or info.data.get("kind") != "value"):
            kind = "idle_share"
            raise PydanticCustomError(kind, "use a row of kind value, above 0 and below 1")
        return value

    @field_validator("key_id")
    @classmethod
    def _names_four_parts(cls, key_id: str, info: ValidationInfo) -> str:
        parts = key_id.split("/")
        if info.data.get("scope") == "combination" and (len(parts) != _PARTS or not all(parts)):
            kind = "combination"
            raise PydanticCustomError(kind, "use model/quantization/engine/accelerator")
        return key_id


_PARTS = 4
"""Names in the key of a combination."""

"""Rows of the catalogue tables, one model per file in ``catalogs/``.

Every field is a column of the CSV of the same table, so this file is the format. Cells are
blank when the fact is unknown; unknown is ``None``, never 0. Every row carries ``source`` and
``as_of`` (YYYY, YYYY-MM or YYYY-MM-DD; missing parts read as the earliest day).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from planner.catalog.dates import parse_partial_date
from planner.units import (
    BYTES_PER_GB,
    BYTES_PER_MIB,
    FLOPS_PER_TFLOPS,
    MINUTES_PER_HOUR,
)

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Key = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+@-]*$")]


def _calendar_day(text: str) -> str:
    parse_partial_date(text)
    return text


PartialDate = Annotated[
    str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"), AfterValidator(_calendar_day)
]


class Record(BaseModel):
    """A row of a CSV table with a key that is unique in it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    key_fields: ClassVar[tuple[str, ...]] = ("id",)

    @property
    def key(self) -> tuple[str, ...]:
        """Primary key, the parts as text."""
        return tuple(str(getattr(self, name)) for name in self.key_fields)


class Row(Record):
    """A row of the catalogue: a row of a later overlay folder with the same key replaces it."""

    source: Annotated[str, Field(min_length=1)]
    """Where the figures come from: publisher, page or repository file at a commit."""
    as_of: PartialDate
    """Date at which the source held."""
    notes: str = ""


class Accelerator(Row):
    """One GPU or comparable device. Rates are dense, never with sparsity."""

    id: Key
    name: str
    vendor: str
    kind: Literal["gpu", "tpu", "asic", "system"]
    form_factor: str = ""
    memory_mib: Positive
    """Memory a process can see, as the driver reports it."""
    memory_basis: Literal["driver", "vendor"]
    """`vendor` when no driver reading is known: the product figure, read as 10^9 bytes per GB."""
    bandwidth_gb_per_s: Positive
    bf16_tflops: Positive | None = None
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
            "fp8": self.fp8_tflops,
            "int8": self.int8_tops,
            "fp4": self.fp4_tflops,
        }[compute]
        return None if rate is None else rate * FLOPS_PER_TFLOPS


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


class Model(Row):
    """Architecture of an open model, from its configuration file. Sizes are computed from it."""

    id: Key
    hf_repo: str = ""
    family: str
    attention: Literal["mha", "gqa", "mla", "hybrid"]
    layers: Count
    hidden: Count
    heads: Count
    kv_heads: Count | None = None
    head_dim: Count | None = None
    intermediate: Count | None = None
    vocab: Count
    context_tokens: Count
    tied_embeddings: bool = False
    experts_routed: Count | None = None
    experts_active: Count | None = None
    experts_shared: int | None = None
    moe_intermediate: Count | None = None
    dense_first_layers: int | None = None
    kv_lora_rank: Count | None = None
    q_lora_rank: Count | None = None
    qk_rope_head_dim: Count | None = None
    qk_nope_head_dim: Count | None = None
    v_head_dim: Count | None = None
    sliding_window: Count | None = None
    full_attention_fraction: Fraction = 1.0
    """Share of layers that attend to the whole context; the others see `sliding_window` tokens."""
    params_published_b: Positive | None = None
    params_active_published_b: Positive | None = None
    license: str = ""


class Quantization(Row):
    """A number format of weights, activations and KV cache."""

    id: Key
    name: str
    weight_bytes: Positive
    """Bytes per weight of dense layers, scales included."""
    expert_weight_bytes: Positive
    kv_bytes: Positive
    """Bytes per element of the KV cache."""
    compute: Literal["bf16", "fp8", "int8", "fp4"]
    """Type in which matrices multiply; weight-only formats compute in bf16."""
    quality_group: str
    """Formats of one group share measured quality losses."""


class QualityScore(Row):
    """A benchmark score as a fraction, by one evaluator under one setting."""

    key_fields: ClassVar[tuple[str, ...]] = ("model", "quantization", "benchmark", "evaluator")

    model: Key
    quantization: Key
    benchmark: Key
    score: Fraction
    evaluator: Annotated[str, Field(min_length=1)]
    """Who ran the benchmark: scores of two evaluators never enter one ratio."""
    setting: str = ""
    questions: Count | None = None
    """Number of questions of the benchmark, for its standard error; blank when unknown."""


class Engine(Row):
    """A serving engine and the settings a plan assumes."""

    id: Key
    name: str
    versions: str
    scheduler: Literal["chunked", "prefill_priority"]
    chunk_tokens: Count
    """Token budget of one engine step (prefill chunks plus decodes)."""
    max_num_seqs: Count
    memory_fraction: Fraction
    """Share of accelerator memory the engine may use."""


class Calibration(Row):
    """A parameter of the performance model, or a multiplier of one for a narrower scope."""

    key_fields: ClassVar[tuple[str, ...]] = ("parameter", "scope", "key_id")

    parameter: Key
    scope: Literal["default", "accelerator", "engine", "quantization"]
    key_id: str
    """Accelerator, engine or quantization the row applies to; `all` for scope `default`."""
    kind: Literal["value", "multiplier"]
    value: Positive
    low: Positive | None = None
    high: Positive | None = None
    unit: str
    provenance: Literal["modelled", "class_default", "calibrated", "two_point", "measured"]


class Offer(Row):
    """A node that can be rented: one price of one provider for one shape."""

    key_fields: ClassVar[tuple[str, ...]] = (
        "provider",
        "instance",
        "region",
        "tenure",
        "valid_from",
    )

    provider: Key
    instance: Key
    region: Key
    tenure: Literal["on_demand", "spot", "reserved_1y", "reserved_3y", "capacity_block"]
    accelerator: Key
    accelerators: Count
    """Accelerators in one node."""
    price_usd_per_hour: Positive
    """Price of the whole node per hour."""
    valid_from: PartialDate
    """First day the price applies (inclusive)."""
    valid_to: PartialDate | None = None
    """First day the price no longer applies (exclusive)."""
    startup_minutes: NonNegative | None = None
    min_billing_minutes: NonNegative | None = None
    elastic_max_nodes: Count | None = None
    """Nodes beyond the all-day minimum that the offer can be expected to add within a day."""
    evidence: Literal["quoted", "estimated"] = "quoted"
    """`estimated`: an older ratio to on-demand times the on-demand price; `notes` says which."""
    term_months: Count | None = None
    upfront_fraction: Fraction | None = None
    commits: Literal["capacity", "spend", "both"] | None = None
    interruption_rate_per_h: NonNegative | None = None

    @property
    def offer_id(self) -> str:
        """Identity without the date: a newer row of the same offer replaces an older one."""
        return f"{self.provider}:{self.instance}:{self.region}:{self.tenure}"

    @property
    def startup_h(self) -> float | None:
        """Start-up time in hours."""
        return None if self.startup_minutes is None else self.startup_minutes / MINUTES_PER_HOUR


class ApiOffer(Row):
    """Tokens of a hosted model."""

    key_fields: ClassVar[tuple[str, ...]] = (
        "provider",
        "model",
        "mode",
        "model_ref",
        "valid_from",
    )

    provider: Key
    model: Key
    model_ref: str
    """The provider's own name of the model."""
    mode: Literal["standard", "batch"]
    input_usd_per_mtok: NonNegative
    cached_input_usd_per_mtok: NonNegative | None = None
    output_usd_per_mtok: NonNegative
    quantization: Key | None = None
    """Number format the provider states; blank when it states none."""
    weights: Literal["open", "closed"] = "open"
    """`closed`: a hosted reference model; it needs no row in models.csv."""
    ttft_p99_ms: Positive | None = None
    tpot_p99_ms: Positive | None = None
    valid_from: PartialDate
    valid_to: PartialDate | None = None

    @property
    def offer_id(self) -> str:
        """Identity without the date."""
        return f"{self.provider}:{self.model_ref}:{self.mode}"


class ProfilePoint(Row):
    """One hour of a demand profile."""

    key_fields: ClassVar[tuple[str, ...]] = ("profile", "hour")

    profile: Key
    hour: Annotated[int, Field(ge=0, le=167)]
    multiplier: NonNegative


class LengthCell(Row):
    """One cell of a joint histogram of prompt and output lengths."""

    key_fields: ClassVar[tuple[str, ...]] = ("lengths", "cell")

    lengths: Key
    cell: Annotated[int, Field(ge=0)]
    isl_tokens: Positive
    """Mean prompt length of the requests in the cell."""
    osl_tokens: Positive
    """Mean output length of the requests in the cell."""
    probability: Fraction


class Figure(Row):
    """One figure of a system, server or site, with a source of its own."""

    key_fields: ClassVar[tuple[str, ...]] = ("id", "quantity", "case")

    id: Key
    quantity: Key
    """What the figure is, with its unit at the end; ``check.QUANTITIES`` lists them by table."""
    case: str = ""
    """Model, accelerator or provider that the figure is about, where it is about one."""
    value: NonNegative | None = None
    """Blank when looked for and not found; `notes` then says so."""
    low: NonNegative | None = None
    high: NonNegative | None = None


class PricePoint(Row):
    """A price that was read on a day."""

    key_fields: ClassVar[tuple[str, ...]] = ("series", "item", "seller", "date", "variant")

    series: Key
    item: Key
    seller: str = ""
    variant: str = ""
    date: PartialDate
    usd: Positive
    unit: Key
    trend: Key | None = None
    """Row of price_trends.csv that is fitted to this price, if any."""


class PriceTrend(Row):
    """Annual rate of a price: ln(usd) over years, one level per item, seller and series."""

    id: Key
    points: Count
    groups: Count
    log_rate_per_year: float
    log_rate_se: NonNegative
    annual_change: float
    """exp(rate) - 1; the low and high change are two standard errors to either side."""
    annual_change_low: float
    annual_change_high: float


TABLES: dict[str, type[Row]] = {
    "accelerators": Accelerator,
    "aliases": Alias,
    "interconnects": Interconnect,
    "models": Model,
    "quantizations": Quantization,
    "quality": QualityScore,
    "engines": Engine,
    "calibration": Calibration,
    "offers": Offer,
    "api_offers": ApiOffer,
    "profiles": ProfilePoint,
    "lengths": LengthCell,
}
"""Table name (file stem in ``catalogs/``) to row model."""

REFERENCE_TABLES: dict[str, type[Row]] = {
    "systems": Figure,
    "servers": Figure,
    "sites": Figure,
    "price_paths": PricePoint,
    "price_trends": PriceTrend,
}
"""Tables that no plan reads yet; they lie in the same folder and follow the same rules."""

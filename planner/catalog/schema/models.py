"""Open models, number formats, drafts, and how well a model answers in a format."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from planner.catalog.schema.row import Count, Fraction, Key, Positive, Row


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
    index_heads: Count | None = None
    """Heads of the indexer of sparse attention; blank where queries attend to everything."""
    index_head_dim: Count | None = None
    index_tokens: Count | None = None
    """Most tokens that a query attends to, chosen by the indexer."""
    sliding_window: Count | None = None
    full_attention_fraction: Fraction = 1.0
    """Share of layers that attend to the whole context; the others see `sliding_window` tokens."""
    qk_norm: Literal["head", "layer"] | None = None
    """Norm of queries and keys: of every head, or of all heads of a layer at once."""
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
    compute: Literal["bf16", "fp16", "fp8", "int8", "fp4"]
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


class Draft(Row):
    """What can propose tokens for a model, and how many of them it accepts on a kind of text."""

    key_fields: ClassVar[tuple[str, ...]] = ("model", "id", "text")

    model: Key
    """Model that verifies."""
    id: Key
    """Name of the draft, with its number of tokens; the rows of one draft differ by `text`."""
    text: Literal["any", "chat", "code", "math", "summarization"]
    """Kind of text that the acceptance was measured on; `any` when the source says many."""
    method: Literal["mtp", "eagle", "draft_model", "ngram"]
    """`mtp`: layers that the model brings; `eagle`: a head trained for it; `draft_model`: another
    model; `ngram`: tokens that followed the same words earlier in the request."""
    draft_tokens: Count
    """Tokens proposed per step, as a chain."""
    tokens_per_step: Annotated[float, Field(ge=1)] | None = None
    """Measured mean acceptance length, the token of the model itself included."""
    acceptance: Fraction | None = None
    """Probability that a token is accepted when all before it were; used without a length."""
    benchmark: str = ""
    draft_model: Key | None = None
    """Model that drafts, only for `draft_model`."""
    layers: Count = 1
    """Layers that draft, for `mtp` and `eagle`."""
    params_b: Positive | None = None
    """Parameters of a head that one pass reads, in billions; blank counts them from the shape."""
    engines: Annotated[str, Field(pattern=r"^\S+( \S+)*$")]
    """Engines known to run it, separated by spaces."""
    checkpoint: str = ""
    """Repository of the weights, where they are not those of the model."""

    @property
    def engine_ids(self) -> tuple[str, ...]:
        """Engines known to run it."""
        return tuple(self.engines.split())

"""Measured performance of serving systems: one row is one figure of one run."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from planner.catalog.schema.row import Count, Positive, Record

_Stated = Annotated[str, Field(min_length=1)]


class Measurement(Record):
    """One measured figure with the set-up it was measured on.

    A blank cell means that the source does not state it. The rows of one run agree in every
    column but `metric` and `value`, so that they can be put together again.
    """

    key_fields: ClassVar[tuple[str, ...]] = (
        "source",
        "source_ref",
        "engine",
        "engine_version",
        "model",
        "params_b",
        "gpu",
        "n_gpus",
        "tp",
        "pp",
        "weight_precision",
        "kv_precision",
        "isl",
        "osl",
        "concurrency_or_rate",
        "metric",
    )

    source: _Stated
    """Who measured, and with which tool."""
    source_ref: _Stated
    """File and number of the run in it, or page and version."""
    engine: str = ""
    """Serving engine as stated."""
    engine_version: str = ""
    model: _Stated
    """Model of the catalogue, or the family name in lower case."""
    params_b: Positive | None = None
    """Total parameters in billions, from the model's public card."""
    gpu: str = ""
    """Accelerator."""
    n_gpus: Count | None = None
    """Accelerators of the measured instance."""
    tp: Count | None = None
    """Degree of tensor parallelism."""
    pp: Count | None = None
    """Number of pipeline stages."""
    weight_precision: str = ""
    kv_precision: str = ""
    isl: Positive | None = None
    """Prompt tokens of a request; a mean where the notes say so."""
    osl: Positive | None = None
    """Output tokens of a request; a mean where the notes say so."""
    concurrency_or_rate: str = ""
    """Load: ``concurrency=64`` (so many requests in flight), ``request_rate=4`` (requests/s),
    ``request_rate=inf`` (all at once), ``batch=8`` (one batch)."""
    metric: _Stated
    """What was measured, with its unit and, where stated, the statistic (``ttft_ms_p99``)."""
    value: Positive
    """The figure in the unit that the metric names."""
    scenario_notes: str = ""
    """How it was run, and what to beware of."""

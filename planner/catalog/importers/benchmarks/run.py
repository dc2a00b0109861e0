"""One run of a benchmark, whatever the tool."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Load:
    """How requests came.

    Parameters
    ----------
    concurrency
        Most requests in flight, ``None`` without a limit.
    rate_per_s
        Arrivals that wait for nothing in requests/s, infinite when all come at once.
    batch
        Requests of the one batch that ran alone.
    """

    concurrency: float | None = None
    rate_per_s: float = math.inf
    batch: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests came at a rate, however many were in flight."""
        return self.batch is None and math.isfinite(self.rate_per_s)

    def text(self) -> str:
        """Return the cell of ``concurrency_or_rate``."""
        if self.batch is not None:
            return f"batch={shown(self.batch)}"
        if self.is_open:
            return f"request_rate={shown(self.rate_per_s)}"
        if self.concurrency is not None:
            return f"concurrency={shown(self.concurrency)}"
        return "request_rate=inf"


@dataclass(frozen=True, slots=True)
class Requests:
    """What became of the requests.

    Parameters
    ----------
    succeeded
        Those that the figures are about.
    failed
        Those that got no answer or a wrong one.
    cut_off
        Those that were still running when the run ended.
    """

    succeeded: float
    failed: float = 0.0
    cut_off: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return self.succeeded + self.failed + self.cut_off


@dataclass(frozen=True, slots=True)
class Run:
    """What a result file states of one run.

    Parameters
    ----------
    place
        File and number of the run in it.
    tool
        Tool that measured, with its version where stated.
    model
        Name of the model, empty when not stated.
    load, requests
        How requests came, and what became of them; ``None`` when not counted.
    figures
        Values by metric as they stand in the file; ``None`` where the file has none.
    duration_s, isl_tokens, osl_tokens
        Measured time, and mean lengths of the requests that succeeded; ``None`` when not stated.
    engine, hardware
        Engine and accelerator where the tool states them, else empty.
    notes
        What else there is to say about the whole run.
    """

    place: str
    tool: str
    model: str
    load: Load
    requests: Requests | None
    figures: Mapping[str, object]
    duration_s: float | None = None
    isl_tokens: float | None = None
    osl_tokens: float | None = None
    engine: str = ""
    hardware: str = ""
    notes: tuple[str, ...] = field(default=())


def shown(value: float) -> str:
    """Return a number as a reader writes it: at most ten digits, no point where none is needed."""
    return f"{value:.10g}"

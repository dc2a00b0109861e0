"""Which measured figures are compared with the model, and as what.

Latencies count under ``concurrency=`` when they are a mean, a median or of unstated statistic.
Other percentiles, open arrivals and disaggregated runs go to parts of their own. A configuration
has one throughput, the median where it was measured several times::

    closed loop   output tokens/s; else C O / (TTFT + (O - 1) TPOT), where both are measured
    max load      output tokens/s; else prompt and output tokens/s times O / (I + O)
    static        the same; else B O / E2E

Power is that of the accelerators of runs under ``concurrency=``; that of hosts is not compared.
Figures per accelerator are multiplied by the number of accelerators.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from planner.evaluate.figures import Figure, figure_of
from planner.evaluate.runs import Run, run_of
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from planner.evaluate.figures import Quantity
    from planner.evaluate.measurements import MeasuredRow

Metric: TypeAlias = Literal[
    "tpot_ms",
    "itl_ms",
    "ttft_ms",
    "throughput_closed_loop",
    "throughput_max_load",
    "throughput_static",
    "memory_bytes",
    "power_w",
]
METRICS: tuple[Metric, ...] = get_args(Metric)
LATENCIES: tuple[Metric, ...] = ("tpot_ms", "itl_ms", "ttft_ms")
WHOLE: tuple[Metric, ...] = ("memory_bytes", "power_w")
"""Sizes of the whole instance, which say nothing about its speed."""
PERCENTILE, OPEN_LOOP, DISAGGREGATED = "percentile", "open_loop", "disaggregated"
_THROUGHPUT: dict[str, Metric] = {
    "closed": "throughput_closed_loop",
    "max_load": "throughput_max_load",
    "static": "throughput_static",
}


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """A measured figure to compare.

    Parameters
    ----------
    run
        Configuration.
    metric
        What is compared.
    measured
        Milliseconds, output tokens/s of all accelerators, bytes or watts of all; ``None`` when
        the cell is no positive number.
    percentile
        Percentile of a latency, ``None`` for a mean.
    parts
        Slices that it forms instead of ``all``; empty for one of ``all``.
    """

    run: Run
    metric: Metric
    measured: float | None
    percentile: float | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collected:
    """Everything that rows gave.

    Parameters
    ----------
    observations
        Figures to compare.
    dropped
        Rows dropped, by rule.
    unscored
        Rows whose metric is not compared, by metric.
    """

    observations: tuple[Observation, ...]
    dropped: Mapping[str, int]
    unscored: Mapping[str, int]


def collect(rows: Iterable[MeasuredRow]) -> Collected:
    """Return what is compared of `rows`."""
    configurations: dict[tuple[str, ...], list[MeasuredRow]] = defaultdict(list)
    for row in rows:
        configurations[row.configuration].append(row)
    observations: list[Observation] = []
    dropped: Counter[str] = Counter()
    unscored: Counter[str] = Counter()
    for group in configurations.values():
        run = run_of(group[0])
        known: list[Figure] = []
        for row in group:
            figure = figure_of(row.metric, row.value)
            if figure is None or not _is_compared(figure, run):
                unscored[row.metric] += 1
            else:
                known.append(figure)
        rule = run.dropped_by(typical(known, "ttft_ms"), typical(known, "tpot_ms"))
        if rule is None:
            observations += _observations(run, known)
        elif known:
            dropped[rule] += len(known)
    return Collected(tuple(observations), dropped, unscored)


def _is_compared(figure: Figure, run: Run) -> bool:
    kind = run.load.kind
    if figure.quantity == "output_tokens_per_s":
        return kind in _THROUGHPUT
    if figure.quantity == "total_tokens_per_s":
        return kind in {"max_load", "static"}
    if figure.quantity == "power_w":
        return kind == "closed"
    return figure.quantity != "e2e_ms" or kind == "static"


def _observations(run: Run, figures: Sequence[Figure]) -> Iterator[Observation]:
    common = (DISAGGREGATED,) if run.is_disaggregated else ()
    for figure in figures:
        if figure.quantity in LATENCIES:
            parts = common or _latency_parts(figure, run)
            yield Observation(run, figure.quantity, figure.value, figure.percentile, parts)
        elif figure.quantity in WHOLE:
            yield Observation(run, figure.quantity, _whole_instance(figure, run), None, common)
    metric = _THROUGHPUT.get(run.load.kind)
    rates = [rate for figure in figures if (rate := _output_rate(figure, run)) is not None]
    if metric is None:
        return
    if rates:
        known = [(preference, rate) for preference, rate in rates if rate is not None]
        best = min((preference for preference, _ in known), default=0)
        values = [rate for preference, rate in known if preference == best]
        yield Observation(run, metric, median(values) if values else None, None, common)
    elif run.load.kind == "closed" and (derived := _derived_rate(run, figures)) is not None:
        yield Observation(run, metric, derived, None, common)


def _latency_parts(figure: Figure, run: Run) -> tuple[str, ...]:
    parts = () if figure.is_typical else (PERCENTILE,)
    return (*parts, OPEN_LOOP) if run.load.kind == "open" else parts


def _output_rate(figure: Figure, run: Run) -> tuple[int, float | None] | None:
    """Return how directly a figure states the output rate, 0 most, and the rate."""
    isl, osl = run.isl_tokens or 0.0, run.osl_tokens or 0.0
    value = _whole_instance(figure, run)
    if figure.quantity == "output_tokens_per_s":
        return 0, value
    if figure.quantity == "total_tokens_per_s":
        return 1, None if value is None else value * osl / (isl + osl)
    if figure.quantity == "e2e_ms":
        batch = run.load.amount
        if value is None or batch is None:
            return 2, None
        return 2, batch * osl * MS_PER_S / value
    return None


def _derived_rate(run: Run, figures: Sequence[Figure]) -> float | None:
    ttft_ms, tpot_ms = typical(figures, "ttft_ms"), typical(figures, "tpot_ms")
    clients, osl = run.load.amount, run.osl_tokens
    if ttft_ms is None or tpot_ms is None or clients is None or osl is None:
        return None
    return clients * osl * MS_PER_S / (ttft_ms + (osl - 1) * tpot_ms)


def _whole_instance(figure: Figure, run: Run) -> float | None:
    if not figure.per_gpu or figure.value is None:
        return figure.value
    return None if run.gpus is None else figure.value * run.gpus


def typical(figures: Iterable[Figure], quantity: Quantity) -> float | None:
    """Return the median of the means and medians of a quantity, ``None`` without any."""
    values = [f.value for f in figures if f.quantity == quantity and f.is_typical]
    known = [value for value in values if value is not None]
    return median(known) if known else None

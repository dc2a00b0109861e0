"""Whether the figures of a run can be used, and what to beware of in them.

With C requests in flight at most, X requests/s, T output tokens/s, a mean time E2E in the system
and O output tokens, Little's law bounds what a run can have done (means over the requests that
succeeded)::

    X E2E  <=  C          and          T (O - 1) / O min(TPOT, ITL)  <=  C

The first holds exactly. The second holds for a time per token that weighs every token alike: the
mean gap does, unless a chunk carries several tokens, and then TPOT is the smaller one. A mean TPOT
that weighs every request alike is above it where short outputs are slower, by up to 14 % in
published runs of mixed lengths.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from planner.catalog.importers.benchmarks.run import shown
from planner.catalog.importers.benchmarks.values import LATENCIES
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.catalog.importers.benchmarks.run import Requests, Run

LEAST_SHARE = 0.9
"""Share of requests that must succeed: the others were not the fastest ones."""
SLACK = 1.05
"""Factor by which figures may contradict each other: rounding, and the edges of a run."""
MIXED_SLACK = 1.25
"""The same where only a TPOT that weighs every request alike is known."""
LEAST_WAVES = 4
"""Requests per request in flight below which the start and the end of a run weigh too much."""
LEAST_S = 30.0
"""Duration below which a run is short."""
LEAST_TAIL = 10
"""Requests that should lie above a percentile."""
LEAST_SERVED = 0.9
"""Share of an arrival rate below which the system did not keep up."""
_ROUNDED = 1.001
"""Factor by which rounding may turn two percentiles round."""

Rejection = tuple[object, str, str]
"""Value, reason and detail."""


def contradiction(run: Run, figures: Mapping[str, float]) -> Rejection | None:
    """Return how a run contradicts itself, ``None`` when it does not.

    Parameters
    ----------
    run
        The run.
    figures
        Its figures by metric, all above 0.
    """
    found = next(_contradictions(run, figures), None)
    return None if found is None else (found[0], "contradiction", found[1])


def too_few(requests: Requests | None) -> Rejection | None:
    """Return why the requests that succeeded say little, ``None`` when they do."""
    if requests is None:
        return None
    if requests.succeeded < 1:
        return shown(requests.succeeded), "no_requests", "no request succeeded"
    share = requests.succeeded / requests.total
    if share >= LEAST_SHARE:
        return None
    cut = requests.cut_off > requests.failed
    what = "were cut off at its end: let it run longer" if cut else "failed"
    detail = f"{1 - share:.0%} of the requests {what}; the rest says little about them"
    return shown(requests.succeeded), "cut_off" if cut else "failed_requests", detail


def _contradictions(run: Run, figures: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    for name in LATENCIES:
        ends = [end for end in ("p50", "p90", "p95", "p99") if f"{name}_{end}" in figures]
        for low, high in itertools.pairwise(ends):
            if figures[f"{name}_{low}"] > figures[f"{name}_{high}"] * _ROUNDED:
                yield f"{name}_{low}", f"is above {name}_{high}"
    total = math.inf if run.requests is None else run.requests.total
    most = min(run.load.concurrency or math.inf, total)
    for metric, busy, slack in _in_flight(run, figures):
        if busy > most * slack:
            yield metric, f"needs {busy:.1f} requests in flight, and {shown(most)} were at most"


def _in_flight(run: Run, figures: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    """Yield a rate, how many requests it keeps in flight on average, and the slack for that."""
    rate, e2e_ms = figures.get("requests_per_s"), figures.get("e2e_latency_ms_mean")
    if rate is not None and e2e_ms is not None:
        yield "requests_per_s", rate * e2e_ms / MS_PER_S, SLACK
    tokens, osl = figures.get("output_tokens_per_s_total"), run.osl_tokens
    per_token = [figures[n] for n in ("tpot_ms_mean", "itl_ms_mean") if n in figures]
    if tokens is not None and osl is not None and osl > 1 and per_token:
        busy = tokens * (osl - 1) / osl * min(per_token) / MS_PER_S
        slack = SLACK if "itl_ms_mean" in figures else MIXED_SLACK
        yield "output_tokens_per_s_total", busy, slack


def notes_of(run: Run, figures: Mapping[str, float]) -> str:
    """Return how the run was done and what to beware of, as ``key=value`` and plain words.

    The text is the same for all rows of the run. A percentile p needs about `LEAST_TAIL` requests
    above it, N (1 - p), to be more than the luck of a few.
    """
    notes = _count_notes(run.requests, run.load.concurrency)
    if run.duration_s is not None:
        notes.append(f"duration_s={shown(round(run.duration_s, 1))}")
        if run.duration_s < LEAST_S:
            notes.append(f"shorter than {LEAST_S:.0f} s")
    if run.load.is_open:
        notes += _open_notes(run, figures)
    return "; ".join((*notes, *run.notes))


def _count_notes(requests: Requests | None, limit: float | None) -> list[str]:
    if requests is None:
        return ["requests not stated"]
    notes = [f"requests={shown(requests.succeeded)}"]
    if requests.total > requests.succeeded:
        notes.append(f"succeeded_share={requests.succeeded / requests.total:.3f}")
    if limit is not None and requests.total < LEAST_WAVES * limit:
        notes.append(f"fewer than {LEAST_WAVES} requests per request in flight")
    return notes


def _open_notes(run: Run, figures: Mapping[str, float]) -> Iterator[str]:
    if run.load.concurrency is not None:
        yield f"at most {shown(run.load.concurrency)} in flight"
    served = figures.get("requests_per_s")
    if served is not None and served < LEAST_SERVED * run.load.rate_per_s:
        yield f"only {served:.3g} requests/s served"
    done = math.inf if run.requests is None else run.requests.succeeded
    for end in (90, 95, 99):
        known = any(f"{name}_p{end}" in figures for name in LATENCIES)
        if known and done * (100 - end) < 100 * LEAST_TAIL:
            yield f"fewer than {LEAST_TAIL} requests above p{end}"
            return

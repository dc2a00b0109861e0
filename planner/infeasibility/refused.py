"""Workloads that no option serves: what each refusal asks for, and settings that would do.

Latency limits, quality floors, memory and the like are judged option by option before there is a
program. For every family the settings go from what the nearest option misses to what nearly all
of them miss.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from planner.infeasibility.records import CAP, SERVICE
from planner.infeasibility.rules import Setting, Steps, older_prices, without_exclusions
from planner.infeasibility.tokens import unproven_tokens
from planner.options.quality import QualityBook
from planner.options.round_trips import needed_ms
from planner.problem.deferral import owner
from planner.problem.escalation import AVERAGE
from planner.units import enough

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.options.records import Rejection
    from planner.preparation import Prepared
    from planner.problem.schema import Problem, QualityFloor, Workload

_FACTORS = (1.02, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""On what the nearest option needs without load: room for traffic."""
_LOOSER = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0)
_STEP = 1e-3
"""Quality floors are stated to a tenth of a percent."""
_CHOICES = {
    "memory": ("tensor_parallel", "quantizations", "hardware"),
    "context": ("models",),
    "parallelism": ("tensor_parallel", "data_parallel"),
    "no_node": ("tensor_parallel", "hardware"),
    "no_rate": ("quantizations", "hardware"),
    "no_interconnect": ("hardware",),
    "no_price": ("hardware",),
}
"""Lists of candidates that are opened, in this order, against each kind of refusal."""


def refused_steps(prepared: Prepared) -> tuple[Steps, ...]:
    """Return what may be loosened so that every workload has an option.

    Parameters
    ----------
    prepared
        A problem with a workload that nothing serves.
    """
    problem = prepared.loaded.problem
    options = prepared.options
    served = {c.workload for c in options.capacities} | {a.workload for a in options.api}
    found: list[Steps] = []
    for streams in prepared.demand.needs():
        workload = next(w for w in problem.workloads if w.name == owner(streams[0]))
        if workload.excluded_options:
            found.append(without_exclusions(workload))
        if served & set(streams):
            continue
        against = [
            r for r in options.rejections if r.kind != "offer" and r.workload in {"", *streams}
        ]
        found += _latency(workload, against)
        found += _quality(prepared, workload, against)
        found += _candidates(problem, workload, against)
        found += _context(prepared, workload, against)
        found += _supply(problem, workload, against)
        found += older_prices(prepared, streams)
        found += unproven_tokens(prepared, streams)
        found += _carbon(workload, against)
        if any(r.reason == "residency" for r in against):
            found.append(_anywhere(workload))
    return tuple(found)


def looser_latency(workload: Workload) -> Iterator[Steps]:
    """Yield every latency limit of a workload, and all of them together, as it may be loosened.

    Parameters
    ----------
    workload
        A workload that options serve, though with too little capacity.
    """
    for position, slo in enumerate(workload.slo):
        settings = [_limits(workload, {position: slo.limit * factor}) for factor in _LOOSER]
        yield Steps(
            "latency", workload.name, _slo_text(workload, position), "ms", settings, SERVICE
        )
    if len(workload.slo) > 1:
        settings = [
            _limits(workload, {k: slo.limit * factor for k, slo in enumerate(workload.slo)})
            for factor in _LOOSER
        ]
        where = "all latency limits together"
        yield Steps("latency", workload.name, where, "ms", settings, SERVICE)


def _slo_text(workload: Workload, position: int) -> str:
    slo = workload.slo[position]
    what = slo.percentile if slo.percentile == "mean" else f"p{slo.percentile:g}"
    return f"{slo.metric} {what} of {slo.limit:g} ms"


def _limits(workload: Workload, limits: dict[int, float]) -> Setting:
    """Return the setting of some latency limits, rounded up to three digits."""
    assignments, changes, parts = [], [], []
    for position, limit in limits.items():
        value = enough(limit)
        assignments.append(f"workloads.{workload.name}.slo.{position}.limit={value:.10g}")
        changes.append(round(value - workload.slo[position].limit, 6))
        parts.append((_slo_text(workload, position), changes[-1]))
    return Setting(tuple(assignments), max(changes), tuple(parts))


def _latency(workload: Workload, against: Sequence[Rejection]) -> Iterator[Steps]:
    missed = [r for r in against if r.latency_ratios]
    if any(r.reason == "rate" for r in against):
        yield from looser_latency(workload)
        return
    if not missed:
        return
    nearest = min(missed, key=lambda r: max(r.latency_ratios))
    short = [k for k, ratio in enumerate(nearest.latency_ratios) if ratio > 1]
    settings = [
        _limits(workload, {k: needed_ms(nearest, workload, k, factor) for k in short})
        for factor in _FACTORS
    ]
    # What an option needs without load it needs with any: other limits may give way as well.
    every = [
        _limits(
            workload,
            {
                k: needed_ms(nearest, workload, k, factor) if k in short else slo.limit * factor
                for k, slo in enumerate(workload.slo)
            },
        )
        for factor in _FACTORS
    ]
    where = " and ".join(_slo_text(workload, k) for k in short)
    yield Steps("latency", workload.name, where, "ms", settings, SERVICE)
    if len(short) < len(workload.slo):
        where = "all latency limits together"
        yield Steps("latency", workload.name, where, "ms", every, SERVICE)


def _quality(
    prepared: Prepared, workload: Workload, against: Sequence[Rejection]
) -> Iterator[Steps]:
    floors = [(k, floor) for k, floor in enumerate(workload.quality) if floor.over != AVERAGE]
    replicas = [r for r in against if (r.kind, r.reason) == ("option", "quality")]
    low = {tuple(r.subject.split("/")[:2]) for r in replicas}
    catalog = prepared.catalog
    book = QualityBook(
        catalog.quality,
        catalog.quantizations,
        workload.quality_scores,
        prepared.loaded.problem.policy.quality_evidence,
    )
    reached = [
        [book.verdict(floor, model, quantization).reached for _, floor in floors]
        for model, quantization in sorted(low)
    ]
    known = [[x for x in row if x is not None] for row in reached if None not in row]
    asked = [_asked(floor) for _, floor in floors]
    known.sort(key=lambda row: max(a / max(x, _STEP) for a, x in zip(asked, row, strict=True)))
    settings: list[Setting] = []
    lowest = list(asked)
    for row in known:
        lowest = [min(now, x) for now, x in zip(lowest, row, strict=True)]
        settings.append(_floors(workload, floors, lowest))
    if settings:
        nearest = min(range(len(asked)), key=lambda k: known[0][k] / asked[k])
        floor = floors[nearest][1]
        where = _floor_text(floor)
        distinct = tuple(dict.fromkeys(s for s in settings if s.assignments))
        yield Steps("quality", workload.name, where, "score", distinct, SERVICE)


def _asked(floor: QualityFloor) -> float:
    return float(floor.min_relative if floor.min_score is None else floor.min_score)  # type: ignore[arg-type]


def _floor_text(floor: QualityFloor) -> str:
    text = f"{floor.benchmark} of at least {_asked(floor):g}"
    return text if floor.reference is None else f"{text} x {floor.reference}"


def _floors(
    workload: Workload, floors: Sequence[tuple[int, QualityFloor]], values: Sequence[float]
) -> Setting:
    assignments, parts = [], []
    for (position, floor), value in zip(floors, values, strict=True):
        asked = _asked(floor)
        if value >= asked:
            continue
        field = "min_relative" if floor.min_score is None else "min_score"
        lower = math.floor(value / _STEP) * _STEP
        assignments.append(f"workloads.{workload.name}.quality.{position}.{field}={lower:.3f}")
        parts.append((_floor_text(floor), round(asked - lower, 6)))
    most = max((amount for _, amount in parts), default=0.0)
    return Setting(tuple(assignments), most, tuple(parts))


def _candidates(
    problem: Problem, workload: Workload, against: Sequence[Rejection]
) -> Iterator[Steps]:
    """Yield the lists of candidates that may be opened, for each kind of refusal."""
    counted = Counter(r.reason for r in against)
    for reason, lists in _CHOICES.items():
        stated = [name for name in lists if getattr(problem.candidates, name)]
        if reason not in counted or not stated:
            continue
        opened = [
            tuple(f"candidates.{name}=[]" for name in stated[: k + 1]) for k in range(len(stated))
        ]
        short = [r.shortfall for r in against if r.reason == reason and r.shortfall is not None]
        amount = None if not short else round(min(short) - 1.0, 4)
        nearest = min(
            (r for r in against if r.reason == reason), key=lambda r: r.shortfall or math.inf
        )
        where = f"{nearest.subject}: {nearest.detail}"
        settings = tuple(Setting(assignments, amount) for assignments in opened)
        yield Steps(reason, workload.name, where, "share" if short else "", settings, CAP)


def _context(
    prepared: Prepared, workload: Workload, against: Sequence[Rejection]
) -> Iterator[Steps]:
    """Yield the context that is asked for, down to those of the candidates."""
    asked, models = workload.context_max_tokens, prepared.loaded.problem.candidates.models
    if asked is None or not any(r.reason == "context" for r in against):
        return
    known = {m.context_tokens for m in prepared.catalog.models if not models or m.id in models}
    path = f"workloads.{workload.name}.context_max_tokens"
    settings = tuple(
        Setting((f"{path}={tokens}",), float(asked - tokens))
        for tokens in sorted(known, reverse=True)
        if tokens < asked
    )
    if settings:
        where = f"a context of {asked:,} tokens"
        yield Steps("context", workload.name, where, "tokens", settings, SERVICE)


def _supply(problem: Problem, workload: Workload, against: Sequence[Rejection]) -> Iterator[Steps]:
    """Yield ways to pay where nothing has a usable price."""
    reasons = {r.reason for r in against}
    if reasons.isdisjoint({"no_price", "spot_only"}):
        return
    tenures = problem.supply.tenures
    if "on_demand" not in tenures:
        listed = ", ".join([*tenures, "on_demand"])
        settings = (Setting((f"supply.tenures=[{listed}]",), None),)
        where = f"only {', '.join(tenures)} may be used"
        yield Steps("tenures", workload.name, where, "", settings, CAP)


def _carbon(workload: Workload, against: Sequence[Rejection]) -> Iterator[Steps]:
    """Yield that carbon is no longer limited, or not that of tokens, where nobody knows it."""
    ways = {"api": "limits.api_carbon=ignore", "option": "limits.carbon_kg_per_period=null"}
    for kind, assignment in ways.items():
        unknown = [r for r in against if (r.kind, r.reason) == (kind, "carbon")]
        if unknown:
            where = f"{unknown[0].subject}: {unknown[0].detail}"
            settings = (Setting((assignment,), None),)
            yield Steps("carbon", workload.name, where, "", settings, CAP)


def _anywhere(workload: Workload) -> Steps:
    settings = (Setting((f"workloads.{workload.name}.residency=any",), None),)
    return Steps("residency", workload.name, f"residency {workload.residency}", "", settings)

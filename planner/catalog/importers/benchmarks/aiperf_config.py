"""What AIPerf and GenAI-Perf were asked to run: four layouts of ``input_config``.

===================  ===========================  ===========================================
written by           model                        load
===================  ===========================  ===========================================
AIPerf from 0.9      ``models.items[].name``      ``phases[]``: ``concurrency``, ``rate``
AIPerf to 0.8        ``endpoint.model_names[]``   ``loadgen``: ``concurrency``, ``request_rate``
GenAI-Perf (config)  ``model_names[]``            ``perf_analyzer.stimulus``: the same
GenAI-Perf (older)   ``model[]``                  ``concurrency``, ``request_rate``
===================  ===========================  ===========================================

A rate and a concurrency together are an open load with a limit. ``endpoint.backend`` of
GenAI-Perf is a default of the client and says nothing about the server.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from planner.catalog.importers.benchmarks.run import Load
from planner.catalog.importers.benchmarks.values import part, rate, text

_NO_LOAD = "a concurrency or a request rate is read; traces and users with pauses are not"
_NOT_READ = frozenset({"fixed_schedule", "user_centric"})

_Rejection = tuple[object, str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Model, load and what else was asked for."""

    model: str
    load: Load
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A load as a layout states it."""

    concurrency: object
    rate: object
    kind: str
    warm_up: bool


def plan_of(config: dict[str, Any], folders: tuple[str, ...]) -> Plan | _Rejection:
    """Return what was asked for, or value, reason and detail of why that is no single run.

    Parameters
    ----------
    config
        The object ``input_config``.
    folders
        Folders the file lies in; ``phases/NAME`` at the end says which phase it is about.
    """
    models = _models(config)
    if len(models) > 1:
        return ", ".join(models), "several_models", "figures of several models do not come apart"
    phases = config.get("phases")
    asked = _in_phases(phases, folders) if isinstance(phases, list) else _flat(config)
    if isinstance(asked, tuple):
        return asked
    limit, arrivals = rate(asked.concurrency), rate(asked.rate)
    if asked.kind in _NOT_READ or (limit is None and arrivals is None):
        return asked.kind, "unknown_load", _NO_LOAD
    notes = ["warm_up=excluded" if asked.warm_up else "warm_up=none"]
    if arrivals is not None and asked.kind:
        notes.append(f"arrivals={asked.kind}")
    load = Load(None if limit == math.inf else limit, arrivals or math.inf)
    return Plan(next(iter(models), ""), load, tuple(notes))


def _flat(config: dict[str, Any]) -> _Asked:
    """Return the load of a layout without phases."""
    loadgen, analyzer = part(config, "loadgen"), part(config, "perf_analyzer")
    asked = loadgen or part(analyzer, "stimulus") or config
    before = loadgen or analyzer or config
    kind = text(asked.get("arrival_pattern") or asked.get("request_rate_mode"))
    return _Asked(
        concurrency=asked.get("concurrency"),
        rate=asked.get("request_rate"),
        kind="user_centric" if "user_centric_rate" in asked else kind,
        warm_up=any(rate(before.get(f"warmup_{name}")) for name in ("request_count", "duration")),
    )


def _in_phases(phases: list[Any], folders: tuple[str, ...]) -> _Asked | _Rejection:
    """Return the load of the one phase that a file is about."""
    stated = [phase for phase in phases if isinstance(phase, dict)]
    about = stated
    if folders[-2:-1] == ("phases",):
        about = [phase for phase in stated if phase.get("name") == folders[-1]]
    measured = [phase for phase in about if not _is_warm_up(phase)]
    if about and not measured:
        names = ", ".join(text(phase.get("name")) for phase in about)
        return names, "warm_up", "warm-up requests are not measured"
    if len(measured) != 1:
        names = ", ".join(text(phase.get("name")) for phase in measured)
        detail = "figures of several phases do not come apart; read the files in phases/"
        return names, "several_phases", detail
    phase = measured[0]
    return _Asked(
        concurrency=phase.get("concurrency"),
        rate=phase.get("rate"),
        kind=text(phase.get("type")),
        warm_up=any(map(_is_warm_up, stated)),
    )


def _models(config: dict[str, Any]) -> list[str]:
    stated = (
        part(config, "models").get("items"),
        part(config, "endpoint").get("model_names"),
        config.get("model_names"),
        config.get("model"),
    )
    for value in stated:
        items = value if isinstance(value, list) else [value]
        names = [text(i.get("name") if isinstance(i, dict) else i) for i in items]
        found = list(dict.fromkeys(name for name in names if name))
        if found:
            return found
    return []


def _is_warm_up(phase: dict[str, Any]) -> bool:
    return phase.get("exclude_from_results") is True or phase.get("kind") == "warmup"

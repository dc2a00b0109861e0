"""Names in a problem that must exist in the catalogue, or in the table of measured capacities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.catalog.load import Catalog
    from planner.errors import Fault
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Workload
    from planner.yaml_io import Path_

_FLAT = "flat"
_ANYWHERE = ("any", "on_prem_only")


def reference_faults(loaded: LoadedProblem, catalog: Catalog) -> list[Fault]:
    """Return a fault for every name that leads nowhere, with the nearest names that exist."""
    return [loaded.fault(path, message) for path, message in _findings(loaded, catalog)]


def resolve_hardware(loaded: LoadedProblem, catalog: Catalog) -> LoadedProblem:
    """Return the problem with every hardware name replaced by its catalogue key.

    Problems and tables of measured capacities may use the names of a provider or driver that
    ``aliases.csv`` knows.
    """

    def key(name: str) -> str:
        return catalog.resolve_accelerator(name) or name

    problem = loaded.problem
    candidates = problem.candidates.model_copy(
        update={"hardware": [key(h) for h in problem.candidates.hardware]}
    )
    quotas = [q.model_copy(update={"hardware": key(q.hardware)}) for q in problem.supply.quotas]
    supply = problem.supply.model_copy(update={"quotas": quotas})
    measured = tuple(m.model_copy(update={"hardware": key(m.hardware)}) for m in loaded.measured)
    resolved = problem.model_copy(update={"candidates": candidates, "supply": supply})
    return replace(loaded, problem=resolved, measured=measured)


def _findings(loaded: LoadedProblem, catalog: Catalog) -> Iterator[tuple[Path_, str]]:
    problem, measured = loaded.problem, loaded.measured
    offered = {o.accelerator for o in catalog.offers}
    models = {m.id for m in catalog.models} | {m.model for m in measured}
    hardware = {a.id for a in catalog.accelerators} | offered | {m.hardware for m in measured}
    quantizations = {q.id for q in catalog.quantizations} | {m.quantization for m in measured}
    engines = {e.id for e in catalog.engines} | {m.engine for m in measured}
    known = {
        "models": ("model", models),
        "quantizations": ("quantization", quantizations),
        "hardware": ("hardware", hardware),
        "engines": ("engine", engines),
    }
    for field, (kind, names) in known.items():
        for i, name in enumerate(getattr(problem.candidates, field)):
            yield from _unknown(("candidates", field, i), kind, name, names, field)
    providers = {o.provider for o in catalog.offers} | {a.provider for a in catalog.api_offers}
    for i, name in enumerate(problem.supply.providers):
        yield from _unknown(("supply", "providers", i), "provider", name, providers, "offers")
    for i, quota in enumerate(problem.supply.quotas):
        path: Path_ = ("supply", "quotas", i, "hardware")
        yield from _unknown(path, "hardware", quota.hardware, hardware, "hardware")
    regions = {o.region for o in catalog.offers}
    for i, workload in enumerate(problem.workloads):
        yield from _workload(workload, ("workloads", i), catalog, models, regions)


def _workload(
    workload: Workload, path: Path_, catalog: Catalog, models: set[str], regions: set[str]
) -> Iterator[tuple[Path_, str]]:
    profile = workload.arrival.profile
    if isinstance(profile, str) and profile != _FLAT:
        names = {p.profile for p in catalog.profiles} | {_FLAT}
        here = (*path, "arrival", "profile")
        yield from _unknown(here, "profile", profile, names, "profiles")
    if workload.lengths and workload.lengths.joint is not None:
        names = {c.lengths for c in catalog.lengths}
        here = (*path, "lengths", "joint")
        yield from _unknown(here, "length histogram", workload.lengths.joint, names, "lengths")
    scored = {q.benchmark for q in catalog.quality}
    scored |= {q.benchmark for q in workload.quality_scores}
    for i, floor in enumerate(workload.quality):
        here = (*path, "quality", i)
        yield from _unknown((*here, "benchmark"), "benchmark", floor.benchmark, scored, "quality")
        if floor.reference is not None:
            yield from _unknown((*here, "reference"), "model", floor.reference, models, "models")
    for name in workload.token_factors:
        yield from _unknown((*path, "token_factors", name), "model", name, models, "models")
    yield from _residency(workload, path, regions)


def _residency(workload: Workload, path: Path_, regions: set[str]) -> Iterator[tuple[Path_, str]]:
    if isinstance(workload.residency, list):
        for i, name in enumerate(workload.residency):
            yield from _unknown((*path, "residency", i), "region", name, regions, "offers")
    elif workload.residency not in _ANYWHERE:
        message = f"`{workload.residency}` is not accepted; use any, on_prem_only or a list"
        yield (*path, "residency"), message


def _unknown(
    path: Path_, kind: str, name: str, names: Iterable[str], table: str
) -> Iterator[tuple[Path_, str]]:
    accepted = set(names)
    if name in accepted:
        return
    hint = did_you_mean(name, accepted)
    listing = f"; `planner catalog list {table}` shows all" if not hint else ""
    yield path, f"no {kind} `{name}` in the catalogue{hint}{listing}, or add a row in an overlay"

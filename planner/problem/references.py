"""Names in a problem that must exist in the catalogue, or in the table of measured capacities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.catalog.carbon import why_unknown
from planner.catalog.dates import parse_partial_date
from planner.catalog.offers import CAPACITY_BLOCK, capacity_blocks_at, offers_at
from planner.catalog.schema.prices import ANY
from planner.problem.known_names import DEFAULT, Known, Named, own_nodes
from planner.problem.price_path_names import price_path_names
from planner.problem.staff_findings import staff_findings
from planner.problem.volume_semantics import overlaps

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.errors import Fault
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem, Workload
    from planner.problem.supply import Supply
    from planner.yaml_io import Path_

_OWNED = "owned"
_FEW = 12
"""Nodes that a message may list."""


def reference_faults(loaded: LoadedProblem, catalog: Catalog) -> list[Fault]:
    """Return a fault for every name that leads nowhere, with the nearest names that exist."""
    return [loaded.fault(path, message) for path, message in name_findings(loaded, catalog)]


def name_findings(loaded: LoadedProblem, catalog: Catalog) -> list[tuple[Path_, str]]:
    """Return path and message of every name that leads nowhere."""
    return list(_findings(loaded, catalog))


def resolve_hardware(loaded: LoadedProblem, catalog: Catalog) -> LoadedProblem:
    """Return the problem with every hardware name replaced by its catalogue key.

    Problems and tables of measured capacities may use the names of a provider or driver that
    ``aliases.csv`` knows.
    """

    def key(name: str) -> str:
        return catalog.resolve_accelerator(name) or name

    def resolved(items: list[Named]) -> list[Named]:
        return [
            item
            if item.hardware is None
            else item.model_copy(update={"hardware": key(item.hardware)})
            for item in items
        ]

    problem, supply = loaded.problem, loaded.problem.supply
    candidates = problem.candidates.model_copy(
        update={"hardware": [key(h) for h in problem.candidates.hardware]}
    )
    supply = supply.model_copy(
        update={
            "quotas": resolved(supply.quotas),
            "existing": resolved(supply.existing),
            "capacity_blocks": resolved(supply.capacity_blocks),
            "volume_discounts": resolved(supply.volume_discounts),
            "price_paths": resolved(supply.price_paths),
            "order_minimums": resolved(supply.order_minimums),
            "spend_commitments": [
                s.model_copy(update={"covers": resolved(s.covers)})
                for s in supply.spend_commitments
            ],
        }
    )
    measured = tuple(m.model_copy(update={"hardware": key(m.hardware)}) for m in loaded.measured)
    problem = problem.model_copy(update={"candidates": candidates, "supply": supply})
    return replace(loaded, problem=problem, measured=measured)


def _findings(loaded: LoadedProblem, catalog: Catalog) -> Iterator[tuple[Path_, str]]:
    problem, known = loaded.problem, Known(loaded, catalog)
    for field in ("models", "quantizations", "hardware", "engines"):
        for i, name in enumerate(getattr(problem.candidates, field)):
            yield from known.check(("candidates", field, i), field, name)
    drafts = problem.candidates.speculative_decoding
    for i, name in enumerate(drafts if isinstance(drafts, list) else ()):
        yield from known.check(("candidates", "speculative_decoding", i), "drafts", name)
    yield from _supply(problem.supply, known)
    yield from _block_prices(problem.supply, catalog, known)
    yield from price_path_names(problem, catalog)
    yield from _limits_of_existing(problem, catalog)
    yield from staff_findings(problem, catalog)
    for i, cost in enumerate(problem.one_off_costs):
        yield from known.check(("one_off_costs", i, "model"), "models", cost.model)
    for i, workload in enumerate(problem.workloads):
        yield from _workload(workload, ("workloads", i), known)
        yield from _step_tokens(workload, ("workloads", i), drafts, catalog)
        if not problem.candidates.models:  # else they are checked as candidates
            yield from _chain(workload, ("workloads", i, "escalation"), known)


def _limits_of_existing(problem: Problem, catalog: Catalog) -> Iterator[tuple[Path_, str]]:
    """Yield nodes that count in a limit whatever the plan decides, by what is not known."""
    limits = problem.limits
    for i, nodes in enumerate(problem.supply.existing):
        owned, path = nodes.tenure == "owned", ("supply", "existing", i)
        where = (problem.supply.site, "") if owned else (nodes.region, nodes.provider)
        if limits.carbon_kg_per_period is not None and (
            reason := why_unknown(catalog, nodes.hardware, *where)
        ):
            yield path, f"counts in `limits.carbon_kg_per_period`, and that is {reason}"
        elif (
            owned
            and limits.power_kw is not None
            and (reason := why_unknown(catalog, nodes.hardware, *where, grid=False))
        ):
            yield path, f"counts in `limits.power_kw`, and that is {reason}"


def _supply(supply: Supply, known: Known) -> Iterator[tuple[Path_, str]]:
    for i, name in enumerate(supply.providers):
        yield from known.check(("supply", "providers", i), "owners", name)
    for i, quota in enumerate(supply.quotas):
        path: Path_ = ("supply", "quotas", i)
        yield from known.check((*path, "hardware"), "hardware", quota.hardware)
        yield from known.check((*path, "provider"), "owners", quota.provider)
        yield from known.check((*path, "region"), "homes", quota.region)
    for i, nodes in enumerate(supply.existing):
        path = ("supply", "existing", i, "hardware")
        yield from known.check(path, "hardware", nodes.hardware)
    for i, limit in enumerate(supply.api_limits):
        yield from known.check_tokens(("supply", "api_limits", i), limit.provider, limit.model)
    for i, units in enumerate(supply.provisioned):
        path = ("supply", "provisioned", i)
        yield from known.check((*path, "provider"), "owners", units.provider)
        yield from known.check((*path, "model"), "hosted", units.model)
        yield from known.check((*path, "quantization"), "quantizations", units.quantization)
    yield from _contracts(supply, known)
    yield from _maps(supply, known)
    for i, name in enumerate(supply.servers):
        yield from known.check(("supply", "servers", i), "servers", name)
    yield from known.check(("supply", "site"), "sites", supply.site)


def _block_prices(supply: Supply, catalog: Catalog, known: Known) -> Iterator[tuple[Path_, str]]:
    """Yield capacity blocks without a price, or whose row of the catalogue is not clear."""
    for i, stated in enumerate(supply.capacity_blocks):
        if stated.usd_per_node_hour is not None:
            continue
        block, path = known.by_key(stated), ("supply", "capacity_blocks", i)
        region = None if block.region == ANY else block.region
        misspelt = [
            *known.check((*path, "provider"), "providers", block.provider),
            *known.check((*path, "instance"), "instances", block.instance),
            *known.check((*path, "region"), "regions", region),
        ]
        yield from misspelt
        if misspelt or [*known.check(path, "hardware", block.hardware)]:
            continue
        node = (block.provider, block.hardware, block.accelerators_per_node)
        day = parse_partial_date(block.since)
        rows = capacity_blocks_at(catalog, day, node, block.instance, block.region)
        what = f"of {block.provider} with {block.accelerators_per_node} x {block.hardware}"
        if not rows:
            message = f"no capacity block {what} has a price on {day}; give `usd_per_node_hour`"
            yield ("supply", "capacity_blocks", i), message + _blocks_sold(catalog, day)
        elif len(rows) > 1:
            found = ", ".join(f"{row.instance} in {row.region}" for row in rows)
            message = f"{len(rows)} capacity blocks {what}; give `instance`, `region`: {found}"
            yield ("supply", "capacity_blocks", i), message


def _blocks_sold(catalog: Catalog, day: datetime.date) -> str:
    sold = [row for row in offers_at(catalog, day) if row.tenure == CAPACITY_BLOCK]
    nodes = sorted({f"{r.provider} {r.accelerators} x {r.accelerator}" for r in sold})
    return f", or take one of the catalogue: {', '.join(nodes[:_FEW])}" if nodes else ""


def _maps(supply: Supply, known: Known) -> Iterator[tuple[Path_, str]]:
    """Yield unknown keys of what is stated by name."""
    own = {DEFAULT, *(units.provider for units in supply.provisioned)}
    own |= {p for nodes in own_nodes(supply) for p in (nodes.provider, nodes.region)}
    for field, kind in (
        ("software_usd_per_accelerator_hour", "runs"),
        ("round_trip_ms", "places"),
    ):
        for name in getattr(supply, field):
            if name not in own:
                yield from known.check(("supply", field, name), kind, name)


def _listed(
    provider: str, supply: Supply, path: Path_, known: Known
) -> Iterator[tuple[Path_, str]]:
    """Yield a provider that only a contract names, and that may not be used."""
    if provider in supply.providers:
        return
    for where, message in known.check(path, "providers", provider):
        yield where, f"{message}; where nobody else sells there, list it in supply.providers too"


def _contracts(supply: Supply, known: Known) -> Iterator[tuple[Path_, str]]:
    for i, block in enumerate(supply.capacity_blocks):
        here: Path_ = ("supply", "capacity_blocks", i)
        yield from known.check((*here, "hardware"), "hardware", block.hardware)
        if block.usd_per_node_hour is not None and supply.providers:
            yield from _listed(block.provider, supply, (*here, "provider"), known)
    for i, volume in enumerate(supply.volume_discounts):
        here = ("supply", "volume_discounts", i)
        yield from known.check((*here, "provider"), "providers", volume.provider)
        yield from known.check((*here, "hardware"), "hardware", volume.hardware)
        yield from known.check((*here, "instance"), "instances", volume.instance)
        yield from known.check((*here, "region"), "regions", volume.region)
        yield from known.check((*here, "model"), "hosted", volume.model)
    for i, least in enumerate(supply.order_minimums):
        here = ("supply", "order_minimums", i)
        instances = "servers" if least.tenures == [_OWNED] else "instances"
        yield from known.check((*here, "provider"), "providers", least.provider)
        yield from known.check((*here, "hardware"), "hardware", least.hardware)
        yield from known.check((*here, "instance"), instances, least.instance)
        yield from known.check((*here, "region"), "regions", least.region)
    yield from overlaps([known.by_key(volume) for volume in supply.volume_discounts])
    for i, spend in enumerate(supply.spend_commitments):
        path: Path_ = ("supply", "spend_commitments", i)
        yield from known.check((*path, "provider"), "providers", spend.provider)
        for j, use in enumerate(spend.covers):
            here = (*path, "covers", j)
            yield from known.check((*here, "hardware"), "hardware", use.hardware)
            yield from known.check((*here, "instance"), "instances", use.instance)
            yield from known.check((*here, "region"), "regions", use.region)


def _workload(workload: Workload, path: Path_, known: Known) -> Iterator[tuple[Path_, str]]:
    arrival = workload.arrival
    profiles: dict[Path_, str | list[float] | None] = {("profile",): arrival.profile}
    for name, day in (arrival.day_types or {}).items():
        profiles["day_types", name, "profile"] = day.profile
    for where, profile in profiles.items():
        if isinstance(profile, str):
            yield from known.check((*path, "arrival", *where), "profiles", profile)
    if workload.lengths is not None:
        here = (*path, "lengths", "joint")
        yield from known.check(here, "histograms", workload.lengths.joint)
    yield from _quality(workload, path, known)
    for name in workload.token_factors:
        yield from known.check((*path, "token_factors", name), "models", name)
    if isinstance(workload.residency, list):
        for i, name in enumerate(workload.residency):
            yield from known.check((*path, "residency", i), "homes", name)


def _chain(workload: Workload, path: Path_, known: Known) -> Iterator[tuple[Path_, str]]:
    chain = workload.escalation
    for field, names in (("first", chain.first), ("then", chain.then)) if chain else ():
        for i, name in enumerate(names):
            yield from known.check((*path, field, i), "models", name)


def _step_tokens(
    workload: Workload, path: Path_, drafts: str | list[str], catalog: Catalog
) -> Iterator[tuple[Path_, str]]:
    """Yield a finding when a step is said to make more tokens than the draft allows."""
    stated = None if workload.speculation is None else workload.speculation.tokens_per_step
    lengths = [d.draft_tokens + 1 for d in catalog.drafts if d.id in drafts]
    if stated is not None and lengths and stated > min(lengths):
        message = f"is {stated:g}, but a step with this draft makes at most {min(lengths)} tokens"
        yield (*path, "speculation", "tokens_per_step"), message


def _quality(workload: Workload, path: Path_, known: Known) -> Iterator[tuple[Path_, str]]:
    own = {q.benchmark for q in workload.quality_scores}
    for i, floor in enumerate(workload.quality):
        here = (*path, "quality", i)
        if floor.benchmark not in own:
            yield from known.check((*here, "benchmark"), "benchmarks", floor.benchmark)
        yield from known.check((*here, "reference"), "models", floor.reference)
    for i, score in enumerate(workload.quality_scores):
        here = (*path, "quality_scores", i)
        yield from known.check((*here, "model"), "models", score.model)
        yield from known.check((*here, "quantization"), "quantizations", score.quantization)

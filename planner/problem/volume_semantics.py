"""Contradictions in the volume discounts of a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.problem.mention import Mention
from planner.problem.names import repeated_names, rising

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.problem.contracts import VolumeDiscount, VolumeTier
    from planner.problem.schema import Problem
    from planner.yaml_io import Path_

    Finding = tuple[Path_, str]

_SECTION: Path_ = ("supply", "volume_discounts")
_RESERVED = frozenset({"reserved_1y", "reserved_3y"})
_API = "api"
_USD, _TOKENS, _NODES = "from_usd_per_month", "from_mtok_per_month", "from_nodes"
_UNITS = (_USD, _TOKENS, _NODES)
_NODE_FILTERS, _TOKEN_FILTERS = ("hardware", "instance", "region"), ("model",)


def volume_findings(problem: Problem) -> Iterator[Finding]:
    """Yield path and sentence of every contradiction.

    Parameters
    ----------
    problem
        A problem that the schema accepts.
    """
    yield from repeated_names(problem.supply.volume_discounts, _SECTION)
    for index, volume in enumerate(problem.supply.volume_discounts):
        path = (*_SECTION, index)
        yield from _tenures(volume, path)
        yield from _filters(volume, path)
        yield from _tiers(volume, path)


def overlaps(volumes: Sequence[VolumeDiscount]) -> Iterator[Finding]:
    """Yield path and sentence of every tenure of which an earlier item counts the same.

    Parameters
    ----------
    volumes
        The items, with hardware by its key in the catalogue.
    """
    for index, volume in enumerate(volumes):
        yield from _overlaps(volume, volumes[:index], (*_SECTION, index))


def _tenures(volume: VolumeDiscount, path: Path_) -> Iterator[Finding]:
    for position, tenure in enumerate(volume.tenures):
        if tenure in volume.tenures[:position]:
            yield (*path, "tenures", position), f"{tenure} is listed twice; take one out"
    others = [tenure for tenure in volume.tenures if tenure not in _RESERVED]
    if others and len(others) < len(volume.tenures):
        message = (
            "terms count when they start, and the others month by month; give reservations an "
            "item of their own"
        )
        yield (*path, "tenures"), message


def _overlaps(
    volume: VolumeDiscount, earlier: Sequence[VolumeDiscount], path: Path_
) -> Iterator[Finding]:
    """Yield tenures whose nodes or tokens an earlier item counts too."""
    for tenure in dict.fromkeys(volume.tenures):
        fields = _TOKEN_FILTERS if tenure == _API else _NODE_FILTERS
        for other, before in enumerate(earlier):
            same = (before.provider == volume.provider) and tenure in before.tenures
            pairs = [(getattr(before, field), getattr(volume, field)) for field in fields]
            if same and not any(None not in pair and pair[0] != pair[1] for pair in pairs):
                what = f"{tenure} of {volume.provider} is in `{before.name}`, "
                place = (*_SECTION, other)
                yield (*path, "tenures"), Mention(what, place, ", too; put all tiers there")
                break


def _filters(volume: VolumeDiscount, path: Path_) -> Iterator[Finding]:
    tokens = _API in volume.tenures
    nodes = set(volume.tenures) != {_API}
    for fields, counts, what in (
        (_NODE_FILTERS, nodes, "has no effect on tokens; take it out"),
        (
            _TOKEN_FILTERS,
            tokens,
            "has no effect without tokens; add `api` to `tenures`, or take it out",
        ),
    ):
        for field in fields:
            if getattr(volume, field) is not None and not counts:
                yield (*path, field), what


def _tiers(volume: VolumeDiscount, path: Path_) -> Iterator[Finding]:
    allowed = _allowed(volume)
    stated = [_units(tier) for tier in volume.tiers]
    for k, units in enumerate(stated):
        here = (*path, "tiers", k)
        if len(units) != 1:
            listed = " or ".join(f"`{unit}`" for unit in allowed)
            count = "no threshold" if not units else f"{len(units)} thresholds"
            yield here, f"has {count}; give {listed}"
            continue
        if units[0] not in allowed:
            listed = " or ".join(f"`{unit}`" for unit in allowed)
            what = ", ".join(volume.tenures)
            yield (*here, units[0]), f"is no threshold for {what}; give {listed}"
    used = {unit for units in stated for unit in units}
    if len(used) > 1 and all(len(units) == 1 for units in stated):
        yield (*path, "tiers"), "has thresholds in several units; give all in one"
    elif used and used <= {_TOKENS, _NODES} and volume.applies_to != "all":
        yield path, _why_all(next(iter(used)))
    yield from rising(volume.tiers, (*_UNITS, "discount"), (*path, "tiers"))


def _allowed(volume: VolumeDiscount) -> tuple[str, ...]:
    if _RESERVED & set(volume.tenures):
        return (_NODES,)
    return (_USD, _TOKENS) if set(volume.tenures) == {_API} else (_USD,)


def _units(tier: VolumeTier) -> tuple[str, ...]:
    return tuple(unit for unit in _UNITS if getattr(tier, unit) is not None)


def _why_all(unit: str) -> str:
    if unit == _NODES:
        return (
            "has thresholds in nodes, and `applies_to: part_above` would not say which of the "
            "nodes are those above; give `applies_to: all`"
        )
    return (
        "has thresholds in tokens, and `applies_to: part_above` would not say which of the "
        f"tokens are those above; give `applies_to: all`, or thresholds in USD (`{_USD}`)"
    )

"""Tokens by use in place of units: each workload at the cheapest offer that it may use itself.

Requests that wait and those that do not are two, also where they are of one workload.

What a mean request costs lies between two figures where the lengths say no more; so do the sums.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.verify.audit.money import usd_by_use
from planner.verify.audit.structure import waits_a_day
from planner.verify.audit.terms import discount
from planner.verify.audit.volumes import discounts_tried, more_off_usd, spent_mtok, spent_usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer
    from planner.plan.document import ApiRow, Plan
    from planner.problem.contracts import VolumeDiscount
    from planner.problem.schema import Problem

    Span = tuple[float, float]

_API, _BATCH, _BY_UNITS = "api", "batch", "provisioned"
_MIDDLE = 0.5

_Stream = tuple[str, bool]
"""Requests of a workload that wait, or that do not."""


class _Bought(NamedTuple):
    """Tokens of a workload in a period at an offer: least and most USD, and their number."""

    period: int
    least: float
    most: float
    mtok: float


def by_use_bounds(
    names: Sequence[str],
    model: str,
    carried: Sequence[tuple[ApiRow, float]],
    plan: Plan,
    sources: tuple[Problem, Catalog],
) -> tuple[Span, Span] | None:
    """Return least and most USD of tokens by use, nominal and discounted, ``None`` without any.

    Parameters
    ----------
    names
        Offers that are named; those that the plan buys by use for the same workload count too.
    model
        Model that answers.
    carried
        Tokens on units, and the share of them that is bought.
    plan
        What is bought already.
    sources
        The problem and the catalogue.
    """
    problem, catalog = sources
    offers: dict[str, list[ApiOffer]] = defaultdict(list)
    for offer in catalog.api_offers:
        if offer.model == model:
            offers[offer.offer_id].append(offer)
    if not carried or any(name not in offers for name in names):
        return None
    streams = {_stream(i) for i, part in carried if part} or {_stream(i) for i, _ in carried}
    ways: dict[_Stream, dict[str, list[_Bought]]] = {}
    for stream in sorted(streams):
        rows = [(item, part) for item, part in carried if _stream(item) == stream]
        used = {
            item.offer_id
            for item in plan.api
            if (_stream(item), item.model) == (stream, model) and item.mode != _BY_UNITS
        }
        ways[stream] = {
            name: bought
            for name in sorted({*names, *used})
            if name in offers
            and _may_use(offers[name][0], rows, problem)
            and (bought := _bought(rows, offers[name], problem, catalog))
        }
        if not ways[stream]:
            return None
    return _least(ways, offers, plan, problem)


def _stream(item: ApiRow) -> _Stream:
    return item.workload, item.is_deferred


def _may_use(offer: ApiOffer, rows: Iterable[tuple[ApiRow, float]], problem: Problem) -> bool:
    """Return whether work may be sent to an offer: a batch takes a day."""
    return offer.mode != _BATCH or all(
        item.is_deferred and waits_a_day(problem.workload(item.workload)) for item, _ in rows
    )


def _bought(
    rows: Iterable[tuple[ApiRow, float]],
    offers: list[ApiOffer],
    problem: Problem,
    catalog: Catalog,
) -> list[_Bought]:
    bought = []
    for item, part in rows:
        spans = usd_by_use(item, offers, problem, catalog)
        if not spans:
            return []
        least, most = min(span.least for span in spans), max(span.most for span in spans)
        mtok = part * (item.input_mtok + item.output_mtok)
        bought.append(_Bought(item.period, part * least, part * most, mtok))
    return bought


def _least(
    ways: Mapping[_Stream, Mapping[str, list[_Bought]]],
    offers: Mapping[str, list[ApiOffer]],
    plan: Plan,
    problem: Problem,
) -> tuple[Span, Span]:
    """Return least and most of the cheapest choice, nominal and discounted."""
    named = {name for some in ways.values() for name in some}
    volumes = [
        volume
        for volume in problem.supply.volume_discounts
        if _API in volume.tenures and any(_counts(volume, offers[name]) for name in named)
    ]
    found = []
    for tiers in discounts_tried(volumes):
        paid = {
            name: 1 - sum(off for v, off in zip(volumes, tiers, strict=True)
                          if _counts(v, offers[name]))
            for name in named
        }  # fmt: skip
        chosen = {
            stream: min(some, key=lambda name: paid[name] * _later(some[name], problem))
            for stream, some in ways.items()
        }
        bought = [(name, ways[stream][name]) for stream, name in chosen.items()]
        found.append(_sum(bought, volumes, offers, plan, problem))
    return min(found, key=lambda spans: spans[1])


def _later(bought: Iterable[_Bought], problem: Problem) -> float:
    return sum((b.least + b.most) * _factor(b.period, problem) for b in bought)


def _factor(period: int, problem: Problem) -> float:
    return discount(problem, (period + _MIDDLE) * problem.horizon.months_per_period)


def _sum(
    bought: Sequence[tuple[str, list[_Bought]]],
    volumes: Sequence[VolumeDiscount],
    offers: Mapping[str, list[ApiOffer]],
    plan: Plan,
    problem: Problem,
) -> tuple[Span, Span]:
    """Return least and most of what is bought, less volume discounts, nominal and discounted."""
    months = problem.horizon.months_per_period
    usd = [0.0, 0.0]
    later = [0.0, 0.0]
    for period in {b.period for _, some in bought for b in some}:
        here = [(name, b) for name, some in bought for b in some if b.period == period]
        least, most = sum(b.least for _, b in here), sum(b.most for _, b in here)
        for volume in volumes:
            mine = [b for name, b in here if _counts(volume, offers[name])]
            tokens = (spent_mtok(volume, plan, period), sum(b.mtok for b in mine))
            spent = spent_usd(volume, plan, period)
            low = more_off_usd(volume, spent, sum(b.least for b in mine), months, tokens)
            high = more_off_usd(volume, spent, sum(b.most for b in mine), months, tokens)
            least, most = least - high, most - low
        for k, each in enumerate((least, most)):
            usd[k] += each
            later[k] += each * _factor(period, problem)
    return (usd[0], usd[1]), (later[0], later[1])


def _counts(volume: VolumeDiscount, offers: Sequence[ApiOffer]) -> bool:
    same = offers[0].provider == volume.provider and _API in volume.tenures
    return same and volume.model in {None, offers[0].model}

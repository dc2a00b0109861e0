"""Provisioned units minute by minute: what comes when they are full, and what that costs.

A plan sizes units for the counted tokens of its planned rates; requests come unevenly. Time goes
by minutes. Units take a request while what they took in its minute, and what they still owe of the
minutes before, is less than they carry in a minute; so the last one that they take may be cut by
the end of the minute, and the rest is owed by the next one. What they do not take spills over to
tokens of the same model from the same provider, paid by use at the price of each request: at the
list that the plan buys of there, else at the cheapest. Where there is no such price, nothing is
paid and a note says so: the provider lets such requests wait or refuses them.

Requests that wait until another time do not spill: they fill what the others leave. Units that are
shared take the requests of all their workloads in order of arrival, at the mean rates.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.units import SECONDS_PER_MINUTE, TOKENS_PER_MTOK
from planner.verify.audit.clock import block_seconds
from planner.verify.audit.lengths import paid_level
from planner.verify.audit.provisioned import stated_units, units_there
from planner.verify.incurred.rates import drawn_rate_rps, rate_of_use_rps, source_of_use
from planner.verify.incurred.records import UnitsIncurred
from planner.verify.incurred.tokens import PROVISIONED, price_lists, request_usd, sample_span
from planner.verify.replay.arrivals import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.plan.document import ApiRow
    from planner.problem.supply import ProvisionedUnits
    from planner.verify.incurred.tokens import Prices
    from planner.verify.replay.arrivals import Source
    from planner.verify.replay.cases import World
    from planner.verify.replay.requests import Floats

_BY_USE = "standard"
_UNITS = 1
"""Random numbers of units, apart from those of tokens by use."""


@dataclass(frozen=True, slots=True)
class Spilled:
    """Rows of tokens that units do not take, for every seed, and what is found of the units."""

    by_seed: tuple[tuple[ApiRow, ...], ...]
    found: tuple[UnitsIncurred, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Flow:
    """Requests of one row at the units of a block; tokens are those of the model."""

    row: ApiRow
    source: Source
    prices: Prices
    offer_id: str


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a flow sends in a sample, arrays of shape (n,): counted and real tokens, and hits."""

    arrival_s: Floats
    counted: Floats
    isl_tokens: Floats
    osl_tokens: Floats
    hit_share: Floats


@dataclass(slots=True)
class _Sum:
    """Counted tokens of a period in the mean over seeds, and what is paid for those that spill."""

    sent: float = 0.0
    spilled: float = 0.0
    most_share: float = 0.0
    usd: float = 0.0
    is_unpriced: bool = False


def overflows(arrival_s: Floats, counted: Floats, room: float) -> NDArray[np.bool_]:
    """Return which requests come when the units are full, shape (n,).

    Parameters
    ----------
    arrival_s
        Times of arrival, ascending, seconds.
    counted
        Counted tokens of each.
    room
        Counted tokens that the units carry in a minute.
    """
    over = np.zeros(len(arrival_s), dtype=bool)
    minutes = (arrival_s // SECONDS_PER_MINUTE).astype(int).tolist()
    level, last = 0.0, 0
    for number, (minute, tokens) in enumerate(zip(minutes, counted.tolist(), strict=True)):
        level, last = max(level - room * (minute - last), 0.0), minute
        if level >= room:
            over[number] = True
        else:
            level += tokens
    return over


def spilled_tokens(world: World, seed: int, seeds: int, *, full: bool) -> Spilled:
    """Return what units of a plan do not take, and what that costs.

    Parameters
    ----------
    world
        The plan, with what it rests on.
    seed, seeds
        First seed, and number of seeds.
    full
        Whether the requests of a whole block are counted, not some thousand.
    """
    by_seed: list[list[ApiRow]] = [[] for _ in range(seeds)]
    sums: dict[tuple[str, int], _Sum] = defaultdict(_Sum)
    for number, (stated, flows) in enumerate(_flows(world)):
        first = flows[0].row
        room = stated.tokens_per_minute_per_unit * units_there(
            world.plan, stated, first.period, world.problem
        )
        total, shares = sums[first.offer_id, first.period], []
        for k, rows in enumerate(by_seed):
            rng = np.random.default_rng([seed, k, number, _UNITS])
            sent, spilled = 0.0, 0.0
            for flow, mine, over in _sampled(stated, flows, room, world, rng, full=full):
                requests = rate_of_use_rps(flow.row, world)
                requests *= block_seconds(world.problem, flow.row.block)
                each = requests / max(len(over), 1)
                sent += each * float(mine.counted.sum())
                spilled += each * float(mine.counted[over].sum())
                if not over.any():
                    continue
                total.is_unpriced |= not flow.prices
                if flow.prices:
                    rows.append(_bought(flow, mine, over, each))
                    total.usd += rows[-1].usd / seeds
            total.sent += sent / seeds
            total.spilled += spilled / seeds
            shares.append(spilled / sent if sent else 0.0)
        total.most_share = max(total.most_share, float(np.mean(shares)))
    found = tuple(_found(key, total, world) for key, total in sums.items())
    return Spilled(
        tuple(tuple(rows) for rows in by_seed),
        found,
        tuple(_notes(found, [key for key, total in sums.items() if total.is_unpriced])),
    )


def _flows(world: World) -> Iterator[tuple[ProvisionedUnits, list[_Flow]]]:
    """Yield the units of every block with the requests that are sent to them."""
    places: dict[tuple[int, int, str], list[ApiRow]] = defaultdict(list)
    for row in world.plan.api:
        if row.mode == PROVISIONED and not row.is_deferred and row.rate_rps > 0:
            places[row.period, row.block, row.offer_id].append(row)
    for (_, _, units_id), rows in sorted(places.items(), key=lambda item: item[0]):
        stated = stated_units(units_id, world.problem)
        sources = [(row, source_of_use(row, world, is_share=True)) for row in rows]
        flows = [_flow(row, source, world) for row, source in sources if source is not None]
        if stated is not None and flows:
            yield stated, flows


def _flow(row: ApiRow, source: Source, world: World) -> _Flow:
    """Return the requests of a row with the price of those that spill."""
    offers = [
        offer
        for offer in world.catalog.api_offers
        if (offer.provider, offer.model, offer.mode) == (row.provider, row.model, _BY_USE)
    ]
    bought = {
        other.offer_id
        for other in world.plan.api
        if other.mode == _BY_USE
        and (other.period, other.block, other.workload) == (row.period, row.block, row.workload)
    }
    if any(offer.offer_id in bought for offer in offers):
        offers = [offer for offer in offers if offer.offer_id in bought]
    lists = price_lists(offers, row, world)
    mean = _lengths(row, world)

    def mean_usd(reference: str) -> float:
        isl, osl, hits = (np.array([value]) for value in mean)
        return float(request_usd(lists[reference], isl, osl, hits)[0])

    if not lists:
        return _Flow(row, source, [], "")
    cheapest = min(lists, key=lambda reference: (mean_usd(reference), reference))
    return _Flow(row, source, lists[cheapest], f"{row.provider}:{cheapest}:{_BY_USE}")


def _lengths(row: ApiRow, world: World) -> tuple[float, float, float]:
    """Return mean prompt and output of a row in tokens of its model, and the share of hits."""
    requests = row.rate_rps * block_seconds(world.problem, row.block)
    cache = world.problem.workload(row.workload).prefix_cache
    each = TOKENS_PER_MTOK / requests
    return row.input_mtok * each, row.output_mtok * each, (cache and cache.hit_rate) or 0.0


def _sampled(
    stated: ProvisionedUnits,
    flows: Sequence[_Flow],
    room: float,
    world: World,
    rng: np.random.Generator,
    *,
    full: bool,
) -> Iterator[tuple[_Flow, _Sent, NDArray[np.bool_]]]:
    """Yield each flow with what it sends in a sample, and which of that comes to full units."""
    spans = [sample_span(flow.row, flow.source, world, full=full).counted_s for flow in flows]
    whole = [flow.source.block_s for flow in flows if flow.source.block_s is not None]
    minutes = math.ceil((max(whole) if whole else min(spans)) / SECONDS_PER_MINUTE)
    span = Span(0.0, minutes * SECONDS_PER_MINUTE, 0.0)
    sent = [_sent(flow, stated, world, span, rng) for flow in flows]
    kind = np.concatenate([np.full(len(one.arrival_s), n) for n, one in enumerate(sent)])
    arrival_s = np.concatenate([one.arrival_s for one in sent])
    order = np.argsort(arrival_s, kind="stable")
    counted = np.concatenate([one.counted for one in sent])[order]
    over = overflows(arrival_s[order], counted, room)
    for number, (flow, one) in enumerate(zip(flows, sent, strict=True)):
        yield flow, one, over[kind[order] == number]


def _sent(
    flow: _Flow, stated: ProvisionedUnits, world: World, span: Span, rng: np.random.Generator
) -> _Sent:
    workload = world.problem.workload(flow.row.workload)
    factors = workload.token_factors.get(flow.row.model)
    level = paid_level(workload, flow.row.period)
    drawn = flow.source.draw(drawn_rate_rps(flow.row, world), span, rng)
    isl = drawn.isl_tokens * level[0] * (factors.isl if factors else 1.0)
    osl = drawn.osl_tokens * level[1] * (factors.osl if factors else 1.0)
    hits = drawn.hit_share
    counted = isl * (1.0 - hits + hits * stated.cached_input_weight) + osl * stated.output_weight
    return _Sent(drawn.arrival_s, counted, isl, osl, hits)


def _bought(flow: _Flow, sent: _Sent, over: NDArray[np.bool_], each: float) -> ApiRow:
    """Return what spills as a row of tokens by use; every request stands for `each`."""
    isl, osl, hits = sent.isl_tokens[over], sent.osl_tokens[over], sent.hit_share[over]
    return replace(
        flow.row,
        mode=_BY_USE,
        offer_id=flow.offer_id,
        rate_rps=flow.row.rate_rps * float(over.mean()),
        planned_rate_rps=0.0,
        input_mtok=each * float(isl.sum()) / TOKENS_PER_MTOK,
        output_mtok=each * float(osl.sum()) / TOKENS_PER_MTOK,
        usd=each * float(request_usd(flow.prices, isl, osl, hits).sum()),
    )


def _found(key: tuple[str, int], total: _Sum, world: World) -> UnitsIncurred:
    units_id, period = key
    stated = stated_units(units_id, world.problem)
    return UnitsIncurred(
        units_id=units_id,
        period=period,
        units=units_there(world.plan, stated, period, world.problem) if stated else 0,
        sent_mtok=total.sent / TOKENS_PER_MTOK,
        spilled_share=total.spilled / total.sent if total.sent else 0.0,
        most_spilled_share=total.most_share,
        spilled_usd=total.usd,
    )


def _notes(found: Sequence[UnitsIncurred], unpriced: Sequence[tuple[str, int]]) -> Iterator[str]:
    """Yield a sentence for units whose provider sells no tokens of their model by use."""
    for units_id in dict.fromkeys(name for name, _ in unpriced):
        mine = [one for one in found if one.units_id == units_id]
        sent = sum(one.sent_mtok for one in mine)
        spilled = sum(one.sent_mtok * one.spilled_share for one in mine)
        yield (
            f"{units_id}: {spilled / sent:.2%} of its tokens come when the units are full, and "
            "the catalogue has no price by use of that model from that provider: they wait or "
            "are refused, and nothing is paid for them"
        )

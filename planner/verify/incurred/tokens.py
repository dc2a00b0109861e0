"""Tokens that the replayed requests take, at the price of each request.

Some thousand requests of every row of tokens are drawn, or those of a whole block with a replay
in full and with a trace of whole days. Each is priced by its own prompt, output, hits and hour; a
block costs its mean rate times its time times the mean price of a request. So a sample stands for
the whole block, and the interval over seeds says how well. Lengths are not rounded to whole
tokens, which would change the mean of short ones; those of a period are of its middle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.lengths import cut_at
from planner.units import HOURS_PER_DAY, SECONDS_PER_HOUR, TOKENS_PER_MTOK
from planner.verify.audit.clock import block_seconds, period_start
from planner.verify.audit.lengths import paid_level
from planner.verify.audit.price_path import price_growth, tokens_sold
from planner.verify.audit.prices import price_shares, share_paid
from planner.verify.incurred.rates import rate_of_use_rps, source_of_use
from planner.verify.replay.arrivals import Span, Stated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.schema import ApiOffer
    from planner.plan.document import ApiRow
    from planner.problem.schema import Workload
    from planner.verify.replay.arrivals import Source
    from planner.verify.replay.cases import World
    from planner.verify.replay.requests import Floats

PROVISIONED = "provisioned"
"""Mode of tokens that come out of units."""
_SAMPLE = 4_000.0
"""Requests of a row that are priced with every seed, about."""
_MOST = 400_000.0
Prices = list[tuple[list["ApiOffer"], float]]
"""Price rows of a block, and what is paid of each: the share of its time, discounts included."""


@dataclass(frozen=True, slots=True)
class Bought:
    """Rows of tokens as the replay has them, for every seed, and those that stand as planned."""

    by_seed: tuple[tuple[ApiRow, ...], ...]
    as_planned: tuple[str, ...]


def bought_tokens(world: World, seed: int, seeds: int, *, full: bool) -> Bought:
    """Return the rows of tokens of a plan with what the replayed requests take and cost.

    Parameters
    ----------
    world
        The plan, with what it rests on.
    seed, seeds
        First seed, and number of seeds.
    full
        Whether the requests of a whole block are priced, not some thousand.
    """
    found: list[list[ApiRow]] = [[] for _ in range(seeds)]
    as_planned: dict[str, None] = {}
    for number, row in enumerate(world.plan.api):
        source = source_of_use(row, world)
        # Units are paid by themselves; what they do not take is counted apart.
        is_paid = row.mode != PROVISIONED and row.rate_rps > 0
        prices = _prices(row, world) if is_paid else []
        if is_paid and (source is None or not prices):
            as_planned[f"tokens of {row.workload} from {row.offer_id}"] = None
        for k, rows in enumerate(found):
            if source is None or not prices:
                rows.append(row)
                continue
            rng = np.random.default_rng([seed, k, number])
            rows.append(_bought(row, source, prices, world, rng, full=full))
    return Bought(tuple(tuple(rows) for rows in found), tuple(as_planned))


def _bought(
    row: ApiRow,
    source: Source,
    prices: Prices,
    world: World,
    rng: np.random.Generator,
    *,
    full: bool,
) -> ApiRow:
    """Return a row with what requests drawn for it take."""
    workload = world.problem.workload(row.workload)
    factors = workload.token_factors.get(row.model)
    isl_level, osl_level = paid_level(workload, row.period)
    isl_factor = isl_level * (factors.isl if factors else 1.0)
    osl_factor = osl_level * (factors.osl if factors else 1.0)
    source = _cut(source, prices, workload, isl_factor)
    drawn = source.draw(row.rate_rps, sample_span(row, source, world, full=full), rng)
    rate_rps = rate_of_use_rps(row, world)
    if not len(drawn.isl_tokens) or not rate_rps:
        return replace(row, input_mtok=0.0, output_mtok=0.0, usd=0.0)
    isl, osl = drawn.isl_tokens * isl_factor, drawn.osl_tokens * osl_factor
    requests = rate_rps * block_seconds(world.problem, row.block)
    return replace(
        row,
        input_mtok=requests * float(isl.mean()) / TOKENS_PER_MTOK,
        output_mtok=requests * float(osl.mean()) / TOKENS_PER_MTOK,
        usd=requests * float(request_usd(prices, isl, osl, drawn.hit_share).mean()),
    )


def _cut(
    source: Source,
    prices: Sequence[tuple[list[ApiOffer], float]],
    workload: Workload,
    isl_factor: float,
) -> Source:
    """Return a source none of whose lengths stand for prompts on both sides of a tier."""
    starts = sorted({row.prompt_from_tokens for rows, _ in prices for row in rows} - {0})
    if not starts or not isinstance(source, Stated) or workload.lengths is None:
        return source
    cuts = [start / isl_factor for start in starts]
    return replace(source, lengths=cut_at(workload.lengths, source.lengths, cuts))


def sample_span(row: ApiRow, source: Source, world: World, *, full: bool) -> Span:
    """Return the time in which the requests of a row are drawn, that of a block in full.

    Parameters
    ----------
    row
        Row of tokens that are bought, with a rate above 0.
    source
        Where its requests come from.
    world
        The plan and what it rests on.
    full
        Whether those of a whole block are drawn, not some thousand.
    """
    block_s = HOURS_PER_DAY / world.problem.time_blocks * SECONDS_PER_HOUR
    requests = min(row.rate_rps * block_s, _MOST) if full else _SAMPLE
    wanted_s = max(requests, _SAMPLE) / row.rate_rps
    return Span(0.0, source.counted_s(wanted_s, row.rate_rps), 0.0)


def _prices(row: ApiRow, world: World) -> Prices:
    """Return the price rows of a block with their share of its time, discounts included.

    A model may be on several lists of one offer; it is the one that the plan has.
    """
    offers = [
        offer
        for offer in world.catalog.api_offers
        if (offer.offer_id, offer.mode) == (row.offer_id, row.mode)
        and (offer.provider, offer.model) == (row.provider, row.model)
    ]
    for prices in price_lists(offers, row, world).values():
        listed = {(r.as_of, r.source) for hour, _ in prices for r in hour}
        if (row.price_date, row.price_source) in listed:
            return prices
    return []


def price_lists(offers: Sequence[ApiOffer], row: ApiRow, world: World) -> dict[str, Prices]:
    """Return what is paid in the block of a row, by the provider's own name of the model.

    Parameters
    ----------
    offers
        Offers of one provider.
    row
        Row of tokens.
    world
        The plan and what it rests on.
    """
    problem = world.problem
    day = period_start(problem, row.period)
    months = row.period * problem.horizon.months_per_period
    found: dict[str, Prices] = {}
    for reference in sorted({offer.model_ref for offer in offers}):
        same = [offer for offer in offers if offer.model_ref == reference]
        item = (row.provider, reference, "any", "api")
        sold = tokens_sold(same[0].offer_id, row.provider, row.model)
        paid = share_paid(world.catalog, item, day) * price_growth(problem, sold, months)
        parts = price_shares(same, day, problem, row.block)
        if parts:
            found[reference] = [(hour, share * paid) for hour, share in parts]
    return found


def request_usd(
    prices: Sequence[tuple[list[ApiOffer], float]], isl: Floats, osl: Floats, hits: Floats
) -> Floats:
    """Return what each request costs, USD, shape (n,).

    Parameters
    ----------
    prices
        Rows by the least prompt that they are for, and what is paid of them.
    isl, osl
        Tokens of prompts and outputs, shape (n,).
    hits
        Share of the prompt that the provider finds in its cache, shape (n,).
    """
    usd = np.zeros(len(isl))
    for rows, share in prices:
        tiers = sorted(rows, key=lambda row: row.prompt_from_tokens)
        starts = np.array([tier.prompt_from_tokens for tier in tiers[1:]], dtype=float)
        tier = np.searchsorted(starts, isl, side="right")
        plain = np.array([t.input_usd_per_mtok for t in tiers])[tier]
        cached = np.array(
            [
                t.input_usd_per_mtok if t.cached_input_usd_per_mtok is None
                else t.cached_input_usd_per_mtok
                for t in tiers
            ]
        )[tier]  # fmt: skip
        output = np.array([t.output_usd_per_mtok for t in tiers])[tier]
        usd += share * (isl * ((1.0 - hits) * plain + hits * cached) + osl * output)
    return usd / TOKENS_PER_MTOK

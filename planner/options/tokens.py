"""API tokens as a way to serve: quality, latency evidence and cost of a request.

Cost of a request = uncached input + cached input + output, over the workload's lengths in the
model's own tokens, at the price of prompt length and hour (:mod:`planner.options.token_prices`).
Where lengths grow, a period pays those of its middle.

An offer without stated latencies serves a workload with latency limits only when the problem says
``supply.api_latency: assume_met``; otherwise it is listed as an alternative whose latency is
unproven. The score is the bf16 score unless the offer states a number format. Offers of batches
serve only work that may wait a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.dates import age_days
from planner.catalog.offers import price_lists_at
from planner.options.old_prices import PRICE_AGE, age_ratio
from planner.options.periods import offer_notes, price_trend
from planner.options.quality import BF16
from planner.options.records import Rejection
from planner.options.round_trips import limits_left, round_trip_ms
from planner.options.stated_latency import latency_evidence
from planner.options.supply_records import ApiOption
from planner.options.token_prices import (
    billed_lengths,
    grown_tokens,
    hit_rate,
    tier_notes,
    usd_by_block,
)
from planner.options.token_supply import TokenSupply
from planner.problem.escalation import models_of
from planner.problem.price_paths import priced_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.offers import PriceList
    from planner.catalog.schema import ApiOffer
    from planner.demand.records import LengthDistribution, LengthLevels, TimeGrid
    from planner.options.quality import QualityBook
    from planner.problem.schema import Problem, Workload

_BATCH = "batch"
_BATCH_H = 24.0
"""Time in which a provider finishes a batch, hours."""


def token_supply(
    workload: Workload,
    lengths: LengthDistribution | None,
    problem: Problem,
    *,
    catalog: Catalog,
    grid: TimeGrid,
    book: QualityBook,
    levels: LengthLevels | None = None,
) -> TokenSupply:
    """Return what API offers can do for a workload.

    Parameters
    ----------
    workload
        The workload.
    lengths
        Its lengths; without them a request has no price and nothing is offered.
    problem
        The problem, for its supply and candidates.
    catalog
        Facts; models and API offers are read.
    grid
        First day of every period; an offer must have a price in all of them.
    book
        Scores to compare with the floors of the workload.
    levels
        How its lengths grow; ``None`` where they do not.
    """
    if "api" not in problem.supply.tenures or lengths is None:
        return TokenSupply((), (), ())
    models = set(problem.candidates.models) or {m.id for m in catalog.models}
    named = models_of(workload)
    usable, unproven, rejected = [], [], []
    by_period = [
        {prices.base.offer_id: prices for prices in price_lists_at(catalog, start)}
        for start in grid.period_start
    ]
    for offer_id, first in sorted(by_period[0].items()):
        offer = first.base
        if offer.model not in models or (named is not None and offer.model not in named):
            continue
        prices = [known for known in (period.get(offer_id) for period in by_period) if known]
        reason = _why_not(offer, workload, problem, grid, book) or _unpriced(prices, offer, grid)
        if reason is not None:
            age = _age_days(offer, grid) if reason[0] == PRICE_AGE else None
            ratio = None if age is None else age_ratio(age, problem.supply.max_price_age_days)
            rejected.append(
                Rejection("api", offer.offer_id, workload.name, *reason, shortfall=ratio)
            )
            continue
        evidence = latency_evidence(
            offer,
            limits_left(workload, round_trip_ms(problem, offer.provider)),
            assume_met=problem.supply.api_latency == "assume_met",
        )
        trend = price_trend(problem, priced_tokens(offer.offer_id, offer.provider, offer.model))
        option = _option(
            prices,
            workload,
            lengths,
            book,
            grid,
            levels=levels,
            price_factors=trend.by_period(grid),
            changes=offer_notes(offer, catalog, grid, trend),
            assumed=evidence.is_assumed,
        )
        if evidence.verdict == "usable":
            usable.append(option)
            continue
        refused = evidence.verdict == "refused"
        if not refused:
            unproven.append(option)
        code = "latency" if refused else "latency_unproven"
        rejected.append(Rejection("api", offer.offer_id, workload.name, code, evidence.detail))
    return TokenSupply(tuple(usable), tuple(unproven), tuple(rejected))


def _why_not(
    offer: ApiOffer, workload: Workload, problem: Problem, grid: TimeGrid, book: QualityBook
) -> tuple[str, str] | None:
    supply = problem.supply
    if offer.mode == _BATCH and not _waits_a_day(workload):
        detail = f"a batch may take {_BATCH_H:g} h: only work that may wait that long can use it"
        return "batch", detail
    if supply.providers and offer.provider not in supply.providers:
        return "provider", f"provider {offer.provider} is not among supply.providers"
    if workload.residency != "any":
        return "residency", "an API has no stated region; residency of the workload excludes it"
    age = _age_days(offer, grid)
    if age > supply.max_price_age_days:
        return PRICE_AGE, f"price of {offer.as_of} is {age} days old at the start of the horizon"
    refusal = book.refusal(workload.quality, offer.model, offer.quantization or BF16)
    return None if refusal is None else (refusal.reason, refusal.detail)


def _age_days(offer: ApiOffer, grid: TimeGrid) -> int:
    return age_days(offer.as_of, grid.period_start[0])


def _waits_a_day(workload: Workload) -> bool:
    """Return whether all requests of a workload may wait for as long as a batch takes."""
    waiting = workload.deferrable
    return waiting is not None and waiting.share == 1 and waiting.window_h >= _BATCH_H


def _unpriced(
    prices: Sequence[PriceList], offer: ApiOffer, grid: TimeGrid
) -> tuple[str, str] | None:
    if len(prices) == grid.periods:
        return None
    detail = (
        f"its price of {offer.valid_from} ends on {prices[-1].base.valid_to}, within the horizon; "
        "add a newer row to api_offers.csv of an overlay"
    )
    return "no_price", detail


def _option(
    prices: Sequence[PriceList],
    workload: Workload,
    lengths: LengthDistribution,
    book: QualityBook,
    grid: TimeGrid,
    *,
    levels: LengthLevels | None,
    price_factors: Sequence[float],
    changes: Sequence[str],
    assumed: bool,
) -> ApiOption:
    offer = prices[0].base
    hits, stated = hit_rate(workload), billed_lengths(workload, lengths, prices)
    billed = [stated] * grid.periods
    if levels is not None:
        billed = [billed_lengths(workload, lengths, prices, level) for level in levels.usage]
    isl, osl = stated.isl_mean_tokens, stated.osl_mean_tokens
    usage_tokens, planned_tokens = grown_tokens(isl, osl, levels)
    quality = []
    for floor in workload.quality:
        score = book.verdict(floor, offer.model, offer.quantization or BF16).score
        if score is not None:
            quality.append((floor.benchmark, score.value))
    return ApiOption(
        id=offer.offer_id,
        workload=workload.name,
        provider=offer.provider,
        model=offer.model,
        mode=offer.mode,
        usd_per_request=tuple(
            tuple(factor * usd for usd in usd_by_block(known, tokens, hits, grid))
            for known, factor, tokens in zip(prices, price_factors, billed, strict=True)
        ),
        input_tokens=isl,
        output_tokens=osl,
        assumed_latency=assumed,
        price_date=offer.as_of,
        quality=tuple(quality),
        averaged=book.averaged(workload.quality, offer.model, offer.quantization or BF16),
        price_dates=tuple(known.base.as_of for known in prices),
        note="; ".join(
            [
                *dict.fromkeys(row.notes for known in prices for row in known.rows if row.notes),
                *tier_notes(prices, billed),
                *changes,
            ]
        ),
        sources=tuple(known.base.source for known in prices),
        usage_tokens=usage_tokens,
        planned_tokens=planned_tokens,
    )

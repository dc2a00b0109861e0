"""API tokens as a way to serve: quality, latency evidence and cost of a request.

Cost of a request = uncached input + cached input + output, at the workload's mean lengths in the
model's own tokens and the prices of its block; a block that a price change cuts in two pays both
in proportion to time. An offer whose prices change with prompt lengths that the workload reaches
is not planned with, because its base price would be too low.

An offer without stated latencies serves a workload with latency limits only when the problem says
``supply.api_latency: assume_met``; otherwise it is listed as an alternative whose latency is
unproven. The score is the bf16 score unless the offer states a number format.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from planner.catalog.dates import age_days
from planner.catalog.offers import price_lists_at
from planner.options.periods import price_change_notes, price_factors
from planner.options.quality import BF16
from planner.options.records import Rejection
from planner.options.supply_records import ApiOption
from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR, TOKENS_PER_MTOK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.offers import PriceList
    from planner.catalog.schema import ApiOffer
    from planner.demand.records import LengthDistribution, TimeGrid
    from planner.options.quality import QualityBook
    from planner.problem.schema import Problem, Workload

_STANDARD = "standard"
_STATED_PERCENTILE = 99.0
_MINUTES_PER_DAY = HOURS_PER_DAY * MINUTES_PER_HOUR


@dataclass(frozen=True, slots=True)
class TokenSupply:
    """API options of one workload: usable, barred only by unproven latency, and rejected."""

    usable: tuple[ApiOption, ...]
    unproven: tuple[ApiOption, ...]
    rejections: tuple[Rejection, ...]


def token_supply(
    workload: Workload,
    lengths: LengthDistribution | None,
    problem: Problem,
    *,
    catalog: Catalog,
    grid: TimeGrid,
    book: QualityBook,
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
    """
    if "api" not in problem.supply.tenures or lengths is None:
        return TokenSupply((), (), ())
    models = set(problem.candidates.models) or {m.id for m in catalog.models}
    usable, unproven, rejected = [], [], []
    by_period = [
        {prices.base.offer_id: prices for prices in price_lists_at(catalog, start)}
        for start in grid.period_start
    ]
    for offer_id, first in sorted(by_period[0].items()):
        offer = first.base
        if offer.model not in models or offer.mode != _STANDARD:
            continue
        prices = [known for known in (period.get(offer_id) for period in by_period) if known]
        reason = (
            _why_not(offer, workload, problem, grid, book)
            or _unpriced(prices, offer, grid)
            or _dearer_prompts(prices, workload, lengths)
        )
        if reason is not None:
            rejected.append(Rejection("api", offer.offer_id, workload.name, *reason))
            continue
        stated = _latency_meets(offer, workload)
        notes = price_change_notes(offer, catalog, grid)
        option = _option(
            prices,
            workload,
            lengths,
            book,
            grid,
            price_factors=price_factors(grid, problem.supply.price_change_per_year.api),
            changes=notes,
            assumed=stated is None,
        )
        if stated is False:
            detail = _latency_detail(offer)
            rejected.append(Rejection("api", offer.offer_id, workload.name, "latency", detail))
        elif stated or not workload.slo or problem.supply.api_latency == "assume_met":
            usable.append(option)
        else:
            unproven.append(option)
            detail = "states no latency; allow it with supply.api_latency: assume_met"
            rejected.append(
                Rejection("api", offer.offer_id, workload.name, "latency_unproven", detail)
            )
    return TokenSupply(tuple(usable), tuple(unproven), tuple(rejected))


def _why_not(
    offer: ApiOffer, workload: Workload, problem: Problem, grid: TimeGrid, book: QualityBook
) -> tuple[str, str] | None:
    supply = problem.supply
    if supply.providers and offer.provider not in supply.providers:
        return "provider", f"provider {offer.provider} is not among supply.providers"
    if workload.residency != "any":
        return "residency", "an API has no stated region; residency of the workload excludes it"
    age = age_days(offer.as_of, grid.period_start[0])
    if age > supply.max_price_age_days:
        return "price_age", f"price of {offer.as_of} is {age} days old at the start of the horizon"
    for floor in workload.quality:
        verdict = book.verdict(floor, offer.model, offer.quantization or BF16)
        if not verdict.passed:
            return verdict.reason, verdict.detail
    return None


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


def _dearer_prompts(
    prices: Sequence[PriceList], workload: Workload, lengths: LengthDistribution
) -> tuple[str, str] | None:
    thresholds = [known.longest_prompt_tokens for known in prices]
    stated = [tokens for tokens in thresholds if tokens is not None]
    longest = float(lengths.isl_tokens.max()) * _factors(workload, prices[0].base.model)[0]
    if not stated or longest < min(stated):
        return None
    detail = (
        f"prompts reach {longest:,.0f} tokens, and from {min(stated):,} on another price applies; "
        "prices by prompt length are not planned by this version"
    )
    return "prompt_tier", detail


def _factors(workload: Workload, model: str) -> tuple[float, float]:
    """Return the factors on prompt and output lengths in tokens of a model."""
    factors = workload.token_factors.get(model)
    return (factors.isl, factors.osl) if factors else (1.0, 1.0)


def _latency_meets(offer: ApiOffer, workload: Workload) -> bool | None:
    """Return whether stated latencies meet every limit; ``None`` when one is not stated."""
    stated: dict[str, float | None] = {"ttft_ms": offer.ttft_p99_ms, "tpot_ms": offer.tpot_p99_ms}
    verdicts: list[bool | None] = []
    for slo in workload.slo:
        value = stated.get(slo.metric)
        covered = slo.percentile == "mean" or slo.percentile <= _STATED_PERCENTILE
        verdicts.append(None if value is None or not covered else value <= slo.limit)
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _latency_detail(offer: ApiOffer) -> str:
    return (
        f"states TTFT p99 {offer.ttft_p99_ms} ms, TPOT p99 {offer.tpot_p99_ms} ms: above a limit"
    )


def _option(
    prices: Sequence[PriceList],
    workload: Workload,
    lengths: LengthDistribution,
    book: QualityBook,
    grid: TimeGrid,
    *,
    price_factors: Sequence[float],
    changes: Sequence[str],
    assumed: bool,
) -> ApiOption:
    offer = prices[0].base
    isl_factor, osl_factor = _factors(workload, offer.model)
    isl = lengths.isl_mean_tokens * isl_factor
    osl = lengths.osl_mean_tokens * osl_factor
    cache = workload.prefix_cache
    hit_rate = (cache.hit_rate or 0.0) if cache else 0.0
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
            tuple(
                factor * sum(share * _request_usd(row, isl, osl, hit_rate) for row, share in parts)
                for parts in _by_block(known, grid)
            )
            for known, factor in zip(prices, price_factors, strict=True)
        ),
        input_tokens=isl,
        output_tokens=osl,
        assumed_latency=assumed and bool(workload.slo),
        price_date=offer.as_of,
        quality=tuple(quality),
        price_dates=tuple(known.base.as_of for known in prices),
        note="; ".join(
            [
                *dict.fromkeys(row.notes for known in prices for row in known.rows if row.notes),
                *changes,
            ]
        ),
        sources=tuple(known.base.source for known in prices),
    )


def _by_block(prices: PriceList, grid: TimeGrid) -> list[list[tuple[ApiOffer, float]]]:
    """Return for every block the rows that price it and their shares of its time."""
    offset = grid.utc_offset_h * MINUTES_PER_HOUR
    length = grid.block_h * MINUTES_PER_HOUR
    changes = prices.changes_minutes_utc()
    blocks = []
    for block in range(grid.blocks):
        start = (block % grid.blocks_per_day * length - offset) % _MINUTES_PER_DAY
        inside = sorted((change - start) % _MINUTES_PER_DAY for change in changes)
        cuts = [0.0, *(minute for minute in inside if 0 < minute < length), length]
        blocks.append(
            [
                (prices.at((start + a) % _MINUTES_PER_DAY), (b - a) / length)
                for a, b in pairwise(cuts)
            ]
        )
    return blocks


def _request_usd(offer: ApiOffer, isl: float, osl: float, hit_rate: float) -> float:
    cached_price = offer.cached_input_usd_per_mtok
    cached = isl * hit_rate if cached_price is not None else 0.0
    usd_per_mtok_sum = (
        (isl - cached) * offer.input_usd_per_mtok
        + cached * (cached_price or 0.0)
        + osl * offer.output_usd_per_mtok
    )
    return usd_per_mtok_sum / TOKENS_PER_MTOK

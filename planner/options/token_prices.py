"""What a mean request costs in tokens: length tier, cached input, output, hour of the day.

The price list in force at an hour has a row for short prompts and may have rows for longer ones;
the row with the highest start that a prompt reaches prices all tokens of its request. With prompt
L and output O in the model's own tokens, hit rate h, and k(L) the row of a prompt::

    usd = E[ L ((1 - h) input[k(L)] + h cached[k(L)]) + O output[k(L)] ]

over the joint distribution of lengths, cells of marginals cut where a tier starts. Hits are taken
to be the same share of every prompt; a row without a price of cached input charges them as input.
A block that a change of price cuts in two pays both in proportion to time.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.lengths import cut_at
from planner.demand.records import AS_STATED, LengthDistribution
from planner.options.supply_records import RequestTokens
from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR, TOKENS_PER_MTOK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.catalog.offers import PriceList
    from planner.catalog.schema import ApiOffer
    from planner.demand.records import LengthLevel, LengthLevels, TimeGrid
    from planner.problem.schema import Workload

_MINUTES_PER_DAY = HOURS_PER_DAY * MINUTES_PER_HOUR


def token_factors(workload: Workload, model: str) -> tuple[float, float]:
    """Return the factors on prompt and output lengths in tokens of a model.

    Parameters
    ----------
    workload
        The workload.
    model
        Key of the model.
    """
    factors = workload.token_factors.get(model)
    return (factors.isl, factors.osl) if factors else (1.0, 1.0)


def grown_tokens(
    input_tokens: float,
    output_tokens: float,
    levels: LengthLevels | None,
    weights: tuple[float, float] = (0.0, 0.0),
) -> tuple[tuple[RequestTokens, ...], tuple[RequestTokens, ...]]:
    """Return tokens of a mean request by period, for usage and for limits; none without growth.

    Parameters
    ----------
    input_tokens, output_tokens
        Tokens at the start of the horizon.
    levels
        How lengths grow; ``None`` where they do not.
    weights
        What a token of prompt and of output counts against provisioned units.
    """
    if levels is None:
        return (), ()
    usage, planned = (
        tuple(
            _tokens_at(input_tokens * at.isl, output_tokens * at.osl, weights) for at in by_period
        )
        for by_period in (levels.usage, levels.planned)
    )
    return usage, planned


def _tokens_at(isl: float, osl: float, weights: tuple[float, float]) -> RequestTokens:
    return RequestTokens(isl, osl, isl * weights[0] + osl * weights[1])


def hit_rate(workload: Workload) -> float:
    """Return the share of prompt tokens that a provider is taken to find in its cache.

    Parameters
    ----------
    workload
        The workload; a curve of hits by size of one's own cache says nothing about a provider's.
    """
    cache = workload.prefix_cache
    return (cache.hit_rate or 0.0) if cache else 0.0


def billed_lengths(
    workload: Workload,
    lengths: LengthDistribution,
    prices: Sequence[PriceList],
    level: LengthLevel = AS_STATED,
) -> LengthDistribution:
    """Return the lengths of a workload in tokens of an offer's model, cut where tiers start.

    Parameters
    ----------
    workload
        The workload.
    lengths
        Its distribution at the start of the horizon, as the problem counts tokens.
    prices
        Price lists of the offer, one for each period.
    level
        Factors on those lengths.
    """
    isl_factor, osl_factor = token_factors(workload, prices[0].base.model)
    isl_factor, osl_factor = isl_factor * level.isl, osl_factor * level.osl
    starts = sorted({start for known in prices for start in known.tier_starts_tokens})
    if starts and workload.lengths is not None:
        cuts = [start / isl_factor for start in starts]
        lengths = cut_at(workload.lengths, lengths, cuts)
    return LengthDistribution(
        lengths.isl_tokens * isl_factor, lengths.osl_tokens * osl_factor, lengths.probability
    )


def usd_by_block(
    prices: PriceList, billed: LengthDistribution, hits: float, grid: TimeGrid
) -> tuple[float, ...]:
    """Return the cost of a mean request in every block, USD.

    Parameters
    ----------
    prices
        Price list in force.
    billed
        Lengths as :func:`billed_lengths` gives them.
    hits
        Share of prompt tokens found in the cache, 0 to below 1.
    grid
        Blocks and the offset of their clock.
    """
    return tuple(
        sum(share * request_usd(rows, billed, hits) for rows, share in parts)
        for parts in _by_block(prices, grid)
    )


def request_usd(rows: Sequence[ApiOffer], billed: LengthDistribution, hits: float) -> float:
    """Return the cost of a mean request at the prices of one hour, USD.

    Parameters
    ----------
    rows
        Rows in force, in order of the prompts they start at, the first for short ones.
    billed, hits
        As in :func:`usd_by_block`.
    """
    tier = _tiers(rows, billed)
    prompt_usd = np.array([_prompt_usd_per_mtok(row, hits) for row in rows])
    output_usd = np.array([row.output_usd_per_mtok for row in rows])
    usd = billed.isl_tokens * prompt_usd[tier] + billed.osl_tokens * output_usd[tier]
    return float(usd @ billed.probability) / TOKENS_PER_MTOK


def tier_notes(
    prices: Sequence[PriceList], billed: Sequence[LengthDistribution]
) -> tuple[str, ...]:
    """Return a sentence for every tier of longer prompts that some requests reach.

    Parameters
    ----------
    prices
        Price lists of the offer, one for each period.
    billed
        Lengths as :func:`billed_lengths` gives them, of every period; one where they do not grow.
    """
    starts = sorted({start for known in prices for start in known.tier_starts_tokens})
    notes = []
    for start in starts:
        shares = [float(b.probability[b.isl_tokens >= start].sum()) for b in billed]
        share, grown = max(shares), "up to " if max(shares) > min(shares) else ""
        if share > 0:
            notes.append(
                f"{grown}{share:.3%} of the requests pay the price of prompts from {start:,} on"
            )
    return tuple(notes)


def _prompt_usd_per_mtok(row: ApiOffer, hits: float) -> float:
    cached = row.cached_input_usd_per_mtok
    full = row.input_usd_per_mtok
    return (1 - hits) * full + hits * (full if cached is None else cached)


def _tiers(rows: Sequence[ApiOffer], billed: LengthDistribution) -> NDArray[np.intp]:
    starts = [row.prompt_from_tokens for row in rows]
    found = np.searchsorted(starts, billed.isl_tokens, side="right") - 1
    return np.maximum(found, 0)


def _by_block(prices: PriceList, grid: TimeGrid) -> list[list[tuple[tuple[ApiOffer, ...], float]]]:
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

"""How many tokens of a workload come with prompts from a length on.

Computed again here: from the cells of a histogram, or in closed form from the quantile function of
a marginal, whose exponent is found by bisection.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer, LengthCell
    from planner.problem.schema import Lengths, Marginal, Workload

_SHORTEST_TOKENS = 1.0
_STEPS = 200
_LARGEST_EXPONENT = 1e9

Split = list[tuple[float, float]]
"""Share of the prompt tokens and of the output tokens by tier."""


def usd_range(
    rows: Sequence[ApiOffer],
    workload: Workload,
    catalog: Catalog,
    mtok: tuple[float, float],
    isl_level: float = 1.0,
) -> tuple[float, float]:
    """Return least and most USD of tokens at the prices of one hour.

    Parameters
    ----------
    rows
        Prices by the length of the prompt.
    workload
        Whose lengths decide about the tier. The two amounts differ only where a file of the user
        holds them.
    catalog
        Table of histograms.
    mtok
        Prompt and output tokens, in millions.
    isl_level
        Factor on prompts since the start of the horizon.
    """
    tiers = sorted(rows, key=lambda row: row.prompt_from_tokens)
    by_tier = [_usd_per_share(row, workload, mtok) for row in tiers]
    model = tiers[0].model
    starts = [row.prompt_from_tokens for row in tiers]
    split = tier_split(workload, model, catalog, starts, isl_level)
    if split is None:
        inputs, outputs = zip(*by_tier, strict=True)
        return min(inputs) + min(outputs), max(inputs) + max(outputs)
    usd = sum(
        i * in_usd + o * out_usd for (i, o), (in_usd, out_usd) in zip(split, by_tier, strict=True)
    )
    return usd, usd


def _usd_per_share(
    row: ApiOffer, workload: Workload, mtok: tuple[float, float]
) -> tuple[float, float]:
    """Return what all prompts and all outputs would cost at one row."""
    cached_price = row.cached_input_usd_per_mtok
    cache = workload.prefix_cache
    hits = (cache.hit_rate or 0.0) if cache and cached_price is not None else 0.0
    prompt = mtok[0] * (1 - hits) * row.input_usd_per_mtok + mtok[0] * hits * (cached_price or 0.0)
    return prompt, mtok[1] * row.output_usd_per_mtok


def tier_split(
    workload: Workload,
    model: str,
    catalog: Catalog,
    starts: Sequence[int],
    isl_level: float = 1.0,
) -> Split | None:
    """Return the share of prompt and output tokens in every tier, ``None`` where not known.

    Parameters
    ----------
    workload
        The workload.
    model
        Its factors on lengths apply.
    catalog
        Table of histograms.
    starts
        Least prompt of every tier in tokens of the model, in order; the first counts as 0.
    isl_level
        Factor on prompts since the start of the horizon.
    """
    lengths = workload.lengths
    if len(starts) == 1:
        return [(1.0, 1.0)]
    if lengths is None or lengths.ref is not None:
        return None
    factors = workload.token_factors.get(model)
    factor = isl_level * (factors.isl if factors else 1.0)
    edges = [-math.inf, *(start / factor for start in starts[1:]), math.inf]
    if lengths.joint is not None:
        return _of_cells(list(catalog.length_cells(lengths.joint) or ()), lengths, edges)
    if lengths.isl_tokens is None:
        return None
    above = [_share_from(lengths.isl_tokens, edge) for edge in edges]
    return [(a[0] - b[0], a[1] - b[1]) for a, b in pairwise(above)]


def _of_cells(cells: list[LengthCell], lengths: Lengths, edges: list[float]) -> Split:
    weights = [cell.probability for cell in cells]
    isl = _scaled([cell.isl_tokens for cell in cells], weights, lengths.isl_tokens)
    osl = _scaled([cell.osl_tokens for cell in cells], weights, lengths.osl_tokens)
    split = []
    for low, high in pairwise(edges):
        inside = [k for k, tokens in enumerate(isl) if low <= tokens < high]
        split.append(
            (
                sum(isl[k] * weights[k] for k in inside) / _dot(isl, weights),
                sum(osl[k] * weights[k] for k in inside) / _dot(osl, weights),
            )
        )
    return split


def _scaled(tokens: list[float], weights: list[float], stated: Marginal | None) -> list[float]:
    """Return lengths with the stated mean, where none falls below one token."""
    if stated is None:
        return tokens
    factor = stated.mean * sum(weights) / _dot(tokens, weights)
    scaled = [t * factor for t in tokens]
    if min(scaled) >= _SHORTEST_TOKENS:
        return scaled
    over = [max(t - _SHORTEST_TOKENS, 0.0) for t in scaled]
    total = _dot(over, weights) / sum(weights)
    again = (stated.mean - _SHORTEST_TOKENS) / total if total > 0 else 0.0
    return [_SHORTEST_TOKENS + t * again for t in over]


def _dot(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(v * w for v, w in zip(values, weights, strict=True))


def _share_from(marginal: Marginal, start: float) -> tuple[float, float]:
    """Return the share of tokens in, and of requests with, lengths from `start` on."""
    points = [(0.0, _SHORTEST_TOKENS)]
    stated = ((0.5, marginal.p50), (0.95, marginal.p95), (0.99, marginal.p99))
    points += [(p, v) for p, v in stated if v is not None]
    if marginal.max is None:
        reached = float(marginal.mean >= start)
        return reached, reached
    points.append((1.0, marginal.max))
    power = _exponent(points, marginal.mean)
    tokens = requests = 0.0
    for (p_lo, lo), (p_hi, hi) in pairwise(points):
        below = _position(lo, hi, start, power)
        rise = (hi - lo) * (1 - below ** (power + 1)) / (power + 1)
        tokens += (p_hi - p_lo) * (lo * (1 - below) + rise)
        requests += (p_hi - p_lo) * (1 - below)
    return tokens / marginal.mean, requests


def _position(lo: float, hi: float, start: float, power: float) -> float:
    """Return the share of a segment that lies below `start`."""
    if start <= lo:
        return 0.0
    if start > hi:
        return 1.0
    if power == 0:
        return 0.0
    return float(((start - lo) / (hi - lo)) ** (1 / power))


def _exponent(points: list[tuple[float, float]], mean: float) -> float:
    """Return the exponent of every segment with which the mean is the stated one."""

    def of(power: float) -> float:
        return sum(
            (q - p) * (lo + (hi - lo) / (power + 1)) for (p, lo), (q, hi) in pairwise(points)
        )

    low, high = 0.0, _LARGEST_EXPONENT
    if of(low) <= mean:
        return 0.0
    for _ in range(_STEPS):
        middle = math.sqrt((low + 1) * (high + 1)) - 1
        low, high = (middle, high) if of(middle) > mean else (low, middle)
    return (low + high) / 2

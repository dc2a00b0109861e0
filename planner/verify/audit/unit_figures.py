"""What provisioned units carry, and where paying for their tokens by use would cost the same.

Computed again here, from the rows of tokens and the price lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.units import MINUTES_PER_HOUR, TOKENS_PER_MTOK
from planner.verify.audit.clock import block_hours, blocks, period_start
from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.money import usd_by_use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import ApiRow, Plan
    from planner.plan.finance_rows import ProvisionedRow
    from planner.problem.schema import Problem
    from planner.problem.supply import ProvisionedUnits


@dataclass(frozen=True, slots=True)
class Present:
    """Units of one row and those that are there with them.

    Parameters
    ----------
    row, stated
        The row, and the item of the problem behind it.
    there
        Units of the item, of any row, by period in which those of the row serve.
    """

    row: ProvisionedRow
    stated: ProvisionedUnits
    there: dict[int, int]


def unit_figure_violations(
    present: Present, plan: Plan, problem: Problem, catalog: Catalog
) -> Iterator[str]:
    """Yield a sentence for every figure of a row of units that the rows of tokens contradict."""
    row = present.row
    items = [i for i in plan.api if i.offer_id == row.units_id and i.period in present.there]
    parts = [row.units / present.there[item.period] for item in items]
    counted = sum(
        part * counted_mtok(item, present.stated, problem)
        for item, part in zip(items, parts, strict=True)
    )
    hours = sum(block_hours(problem, block) for block in blocks(problem)) * len(present.there)
    could = row.units * present.stated.tokens_per_minute_per_unit * MINUTES_PER_HOUR * hours
    work = counted * TOKENS_PER_MTOK / could if could else 0.0
    if differs(row.utilization, work):
        yield f"utilization {row.utilization}, the rows of tokens give {work}"
    rates = [(a.period, a.block, a.rate_rps) for a in plan.allocations]
    rates += [(item.period, item.block, item.rate_rps) for item in plan.api]
    asked = sum(
        rate_rps * block_hours(problem, block)
        for period, block, rate_rps in rates
        if period in present.there
    )
    carried = sum(
        part * item.rate_rps * block_hours(problem, item.block)
        for item, part in zip(items, parts, strict=True)
    )
    share = carried / asked if asked else 0.0
    if differs(row.coverage, share):
        yield f"coverage {row.coverage}, the rows give {share}"
    start = period_start(problem, row.start_period).isoformat()
    if row.order_by != start:
        yield f"order by {row.order_by}, the term begins on {start}"
    yield from _alternative(present, list(zip(items, parts, strict=True)), problem, catalog, hours)


def counted_mtok(
    item: ApiRow,
    stated: ProvisionedUnits,
    problem: Problem,
    longer: tuple[float, float] = (1.0, 1.0),
) -> float:
    """Return millions of tokens that a row counts against units, at its mean rate.

    Parameters
    ----------
    item
        Tokens of a workload in a block.
    stated, problem
        What the units carry, and what is found in a cache.
    longer
        Factors on prompts and outputs, for lengths other than those that are paid.
    """
    cache = problem.workload(item.workload).prefix_cache
    hits = (cache.hit_rate or 0.0) if cache else 0.0
    weight = 1.0 - hits + hits * stated.cached_input_weight
    inputs, outputs = item.input_mtok * longer[0], item.output_mtok * longer[1]
    return inputs * weight + outputs * stated.output_weight


def _alternative(
    present: Present,
    carried: list[tuple[ApiRow, float]],
    problem: Problem,
    catalog: Catalog,
    hours: float,
) -> Iterator[str]:
    row = present.row
    figures = (row.alternative_offer_id, row.alternative_usd)
    derived = (row.break_even_utilization, row.alternative_price_fall)
    if None in figures:
        if any(figure is not None for figure in (*figures, *derived)):
            yield "figures of an alternative without one"
        return
    usd = row.alternative_usd or 0.0
    bounds = _by_use(str(row.alternative_offer_id), row.model, carried, problem, catalog)
    slack = TOLERANCE * max(abs(usd), TOLERANCE)
    if bounds is None or not bounds[0] - slack <= usd <= bounds[1] + slack:
        yield f"{usd} USD by use at {row.alternative_offer_id}, tokens x price gives {bounds}"
        return
    own = row.units * row.usd_per_unit_hour * hours
    for name, got, want in (
        ("break-even utilization", derived[0], row.utilization * own / usd if usd else None),
        ("price fall of the alternative", derived[1], 1.0 - own / usd if usd else None),
    ):
        if (got is None) != (want is None) or differs(got or 0.0, want or 0.0):
            yield f"{name} {got}, recomputed {want}"


def _by_use(
    offer_id: str,
    model: str,
    carried: list[tuple[ApiRow, float]],
    problem: Problem,
    catalog: Catalog,
) -> tuple[float, float] | None:
    """Return least and most USD of what units carry at an offer of its model by use."""
    offers = [o for o in catalog.api_offers if (o.offer_id, o.model) == (offer_id, model)]
    least = most = 0.0
    for item, part in carried:
        spans = usd_by_use(item, offers, problem, catalog)
        if not spans:
            return None
        least += part * min(span.least for span in spans)
        most += part * max(span.most for span in spans)
    return (least, most) if carried else None

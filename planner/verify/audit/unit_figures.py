"""What provisioned units carry, and where paying for their tokens by use would cost the same.

Computed again here, from the rows of tokens and the price lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.units import MINUTES_PER_HOUR, TOKENS_PER_MTOK
from planner.verify.audit.clock import block_hours, blocks, period_start
from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.token_offers import by_use_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import ApiRow, Plan
    from planner.plan.finance_rows import ProvisionedRow
    from planner.problem.schema import Problem
    from planner.problem.supply import ProvisionedUnits


_JOINER = " + "


@dataclass(frozen=True, slots=True)
class Present:
    """Units of one row and those that are there with them.

    Parameters
    ----------
    row, stated
        The row, and the item of the problem behind it.
    there
        Units of the item, of any row, by period in which those of the row serve.
    planned_per_minute
        Counted tokens per minute that all of them are sent at planned rates, by period and block.
    """

    row: ProvisionedRow
    stated: ProvisionedUnits
    there: dict[int, int]
    planned_per_minute: dict[tuple[int, int], float]

    def share_beyond_others(self, period: int, block: int) -> float:
        """Return the share of what is sent that the units of other rows have no room for."""
        others = self.there[period] - self.row.units
        room = others * self.stated.tokens_per_minute_per_unit
        planned = self.planned_per_minute.get((period, block), 0.0)
        return max(planned - room, 0.0) / planned if planned else 0.0


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
    served = sum(
        part * item.rate_rps * block_hours(problem, item.block)
        for item, part in zip(items, parts, strict=True)
    )
    share = served / asked if asked else 0.0
    if differs(row.coverage, share):
        yield f"coverage {row.coverage}, the rows give {share}"
    start = period_start(problem, row.start_period).isoformat()
    if row.order_by != start:
        yield f"order by {row.order_by}, the term begins on {start}"
    beyond = [present.share_beyond_others(item.period, item.block) for item in items]
    needed = sum(
        part * counted_mtok(item, present.stated, problem)
        for item, part in zip(items, beyond, strict=True)
    )
    needed = needed * TOKENS_PER_MTOK / could if could else 0.0
    if differs(row.needed_share, needed):
        yield f"needed share {row.needed_share}, the rows of tokens give {needed}"
    carried = list(zip(items, beyond, strict=True))
    yield from _alternative(row, needed, carried, plan, (problem, catalog))


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
    row: ProvisionedRow,
    needed: float,
    carried: list[tuple[ApiRow, float]],
    plan: Plan,
    sources: tuple[Problem, Catalog],
) -> Iterator[str]:
    figures = (row.alternative_offer_id, row.alternative_usd, row.alternative_discounted_usd)
    derived = (row.break_even_utilization, row.alternative_price_fall)
    if None in figures:
        if any(figure is not None for figure in (*figures, *derived)):
            yield "figures of an alternative without one"
        return
    names = str(row.alternative_offer_id).split(_JOINER)
    bounds = by_use_bounds(names, row.model, carried, plan, sources)
    for name, usd, span in (
        ("USD by use", row.alternative_usd or 0.0, bounds and bounds[0]),
        ("USD by use, discounted,", row.alternative_discounted_usd or 0.0, bounds and bounds[1]),
    ):
        slack = TOLERANCE * max(abs(usd), TOLERANCE)
        if span is None or not span[0] - slack <= usd <= span[1] + slack:
            yield f"{usd} {name} at {row.alternative_offer_id}, tokens x price gives {span}"
            return
    own = 0.0 if row.is_existing else row.discounted_usd
    other = row.alternative_discounted_usd
    for name, got, want in (
        ("break-even utilization", derived[0], needed * own / other if other else None),
        ("price fall of the alternative", derived[1], 1.0 - own / other if other else None),
    ):
        if (got is None) != (want is None) or differs(got or 0.0, want or 0.0):
            yield f"{name} {got}, recomputed {want}"

"""Provisioned units: token throughput of a model that is bought for a term.

Figures are the user's. A request counts its tokens against the units::

    counted = input (1 - h + h cached_input_weight) + output output_weight

with the mean lengths in the model's own tokens, at the dearer end of a period, and hit rate h. A
unit carries so many counted tokens per minute, at the planned rate; what units do not carry spills
over to whatever else may serve the workload, tokens of the same model among it. A unit is paid by
the hour for its whole term, at the price of the period in which the term starts::

    monthly = price x 730 h, evenly, also after the horizon (``commitment_tail: pro_rata`` cuts it)

Without a term, or with one shorter than a period, units are taken on period by period. Units that
are taken on already are builds of a fixed number; what is due for them after the horizon is the
same in any plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.builds import Build, monthly_payments, served_until
from planner.options.periods import price_trend, trend_notes
from planner.options.quality import BF16
from planner.options.records import Rejection
from planner.options.round_trips import limits_left, round_trip_ms
from planner.options.stated_latency import latency_evidence
from planner.options.supply_records import PROVISIONED, ApiOption, ProvisionedUnits
from planner.options.token_prices import grown_tokens, hit_rate, token_factors
from planner.options.token_supply import TokenSupply
from planner.problem.escalation import models_of
from planner.problem.price_paths import priced_tokens
from planner.problem.supply import months_between
from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.demand.records import LengthDistribution, LengthLevels, TimeGrid
    from planner.options.periods import PriceTrend
    from planner.options.quality import QualityBook
    from planner.problem.schema import Problem, Workload
    from planner.problem.supply import ProvisionedUnits as StatedUnits

CATEGORY = "api"
_SOURCE = "the problem"


def units_of_problem(problem: Problem, grid: TimeGrid) -> tuple[ProvisionedUnits, ...]:
    """Return the units that may be bought, with the terms of every period.

    Parameters
    ----------
    problem
        Its supply section.
    grid
        Periods.
    """
    may_buy = "api" in problem.supply.tenures
    return tuple(
        ProvisionedUnits(
            id=units_id(stated),
            provider=stated.provider,
            model=stated.model,
            tokens_per_minute=stated.tokens_per_minute_per_unit,
            min_units=stated.min_units,
            increment_units=stated.increment_units,
            max_units=stated.max_units,
            builds=(
                *(_builds(stated, problem, grid) if may_buy else ()),
                *_committed(stated, problem, grid),
            ),
        )
        for stated in problem.supply.provisioned
        if may_buy or stated.committed
    )


def units_id(stated: StatedUnits) -> str:
    """Return the identity of units that a problem states."""
    return f"{PROVISIONED}:{stated.name}"


def provisioned_supply(
    workload: Workload,
    lengths: LengthDistribution | None,
    problem: Problem,
    *,
    grid: TimeGrid,
    book: QualityBook,
    levels: LengthLevels | None = None,
) -> TokenSupply:
    """Return what tokens out of provisioned units can do for a workload.

    Parameters
    ----------
    workload
        The workload.
    lengths
        Its lengths; without them a request counts nothing and nothing is offered.
    problem
        The problem, for its supply and candidates.
    grid
        Periods.
    book
        Scores to compare with the floors of the workload.
    levels
        How its lengths grow; ``None`` where they do not.
    """
    usable: list[ApiOption] = []
    unproven: list[ApiOption] = []
    rejected: list[Rejection] = []
    stated_units = problem.supply.provisioned if "api" in problem.supply.tenures else []
    named = models_of(workload)
    stated_units = [u for u in stated_units if named is None or u.model in named]
    for stated in stated_units if lengths is not None else ():
        reason = _why_not(stated, workload, problem, book)
        assume = problem.supply.api_latency == "assume_met"
        evidence = latency_evidence(
            stated,
            limits_left(workload, round_trip_ms(problem, stated.provider)),
            assume_met=assume,
        )
        if reason is None and evidence.verdict != "usable":
            refused = evidence.verdict == "refused"
            reason = ("latency" if refused else "latency_unproven", evidence.detail)
        if reason is not None:
            rejected.append(Rejection("api", units_id(stated), workload.name, *reason))
        if lengths is None or (reason is not None and reason[0] != "latency_unproven"):
            continue
        option = _option(
            stated, workload, lengths, problem, book, grid, levels, assumed=evidence.is_assumed
        )
        (usable if reason is None else unproven).append(option)
    return TokenSupply(tuple(usable), tuple(unproven), tuple(rejected))


def _why_not(
    stated: StatedUnits, workload: Workload, problem: Problem, book: QualityBook
) -> tuple[str, str] | None:
    supply, models = problem.supply, problem.candidates.models
    if models and stated.model not in models:
        return "candidates", f"model {stated.model} is not among candidates.models"
    if supply.providers and stated.provider not in supply.providers:
        return "provider", f"provider {stated.provider} is not among supply.providers"
    if workload.residency != "any":
        return "residency", "units have no stated region; residency of the workload excludes them"
    refusal = book.refusal(workload.quality, stated.model, stated.quantization or BF16)
    return None if refusal is None else (refusal.reason, refusal.detail)


def _option(  # noqa: PLR0917
    stated: StatedUnits,
    workload: Workload,
    lengths: LengthDistribution,
    problem: Problem,
    book: QualityBook,
    grid: TimeGrid,
    levels: LengthLevels | None,
    *,
    assumed: bool,
) -> ApiOption:
    isl_factor, osl_factor = token_factors(workload, stated.model)
    isl, osl = lengths.isl_mean_tokens * isl_factor, lengths.osl_mean_tokens * osl_factor
    hits = hit_rate(workload)
    weights = (1 - hits + hits * stated.cached_input_weight, stated.output_weight)
    usage_tokens, planned_tokens = grown_tokens(isl, osl, levels, weights)
    scores = (
        (floor.benchmark, book.verdict(floor, stated.model, stated.quantization or BF16).score)
        for floor in workload.quality
    )
    return ApiOption(
        id=units_id(stated),
        workload=workload.name,
        provider=stated.provider,
        model=stated.model,
        mode=PROVISIONED,
        usd_per_request=((0.0,),) * grid.periods,
        input_tokens=isl,
        output_tokens=osl,
        assumed_latency=assumed,
        price_date=problem.horizon.start,
        quality=tuple((name, score.value) for name, score in scores if score is not None),
        averaged=book.averaged(workload.quality, stated.model, stated.quantization or BF16),
        note="; ".join(trend_notes(_trend(stated, problem), grid)),
        sources=(_SOURCE,) * grid.periods,
        units_id=units_id(stated),
        counted_tokens=isl * weights[0] + osl * weights[1],
        usage_tokens=usage_tokens,
        planned_tokens=planned_tokens,
    )


def _trend(stated: StatedUnits, problem: Problem) -> PriceTrend:
    return price_trend(problem, priced_tokens(units_id(stated), stated.provider, stated.model))


def _builds(stated: StatedUnits, problem: Problem, grid: TimeGrid) -> tuple[Build, ...]:
    term = max(stated.term_months or 0, grid.months_per_period)
    builds = []
    for start, factor in enumerate(_trend(stated, problem).by_period(grid)):
        price = stated.usd_per_unit_hour * factor
        first = start * grid.months_per_period
        pro_rata = problem.finance.commitment_tail == "pro_rata"
        paid = min(term, grid.months - first) if pro_rata else term
        payments = monthly_payments(grid, CATEGORY, price * HOURS_PER_MONTH, (first, first + paid))
        builds.append(
            Build(
                start=start,
                end=served_until(grid, start, term),
                order_month=first,
                term_months=term,
                payments=tuple(payments),
                usd_per_node_hour=price,
                price_date=problem.horizon.start,
                source=_SOURCE,
                months_paid=paid,
            )
        )
    return tuple(builds)


def _committed(stated: StatedUnits, problem: Problem, grid: TimeGrid) -> Iterator[Build]:
    """Yield units that are taken on already, paid to their end or to that of the horizon."""
    for item in stated.committed:
        due, months = item.usd_per_unit_hour, months_between(problem.horizon.start, item.until)
        price, paid = stated.usd_per_unit_hour if due is None else due, min(months, grid.months)
        yield Build(
            start=0,
            end=served_until(grid, 0, months),
            order_month=0,
            term_months=months,
            payments=tuple(monthly_payments(grid, CATEGORY, price * HOURS_PER_MONTH, (0, paid))),
            usd_per_node_hour=price,
            price_date=problem.horizon.start,
            source=_SOURCE,
            months_paid=paid,
            fixed_nodes=item.units,
        )

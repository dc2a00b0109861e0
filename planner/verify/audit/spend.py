"""Spend commitments: their rows, what they cover in every block, and their payments.

Computed again here, block by block and month by month, from what the problem states.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from planner.units import HOURS_PER_MONTH, MONTHS_PER_YEAR
from planner.verify.audit.clock import block_hours
from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.terms import discount
from planner.verify.audit.volumes import is_for, more_off_usd, spent_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.plan.document import FleetRow, Plan
    from planner.plan.finance_rows import SpendRow
    from planner.problem.contracts import SpendCommitment
    from planner.problem.schema import Problem

    Charge = tuple[tuple[int, str, str, str, str], float, float]
    Split = Callable[[FleetRow], dict[str, float]]

_SPEND, _LEASE, _ON_DEMAND = "spend", "lease", "on_demand"
_MONTHS = int(MONTHS_PER_YEAR)
_CENT = 0.005
_MIDDLE = 0.5


class _Covered(NamedTuple):
    """Nodes of a fleet row that a commitment covers, and the rate of each."""

    commitment_id: str
    row: FleetRow
    nodes: float
    rate: float


def spend_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every row of promised spending that problem or fleet contradict."""
    covers = list(_covers(plan, problem))
    for row in plan.spend_commitments:
        place = f"{row.usd_per_hour:g} USD/h of {row.commitment_id} from period {row.start_period}"
        stated = _stated(row.commitment_id, problem)
        if stated is None:
            yield f"{place}: the problem has no such commitment"
            continue
        for text in (*_facts(row, stated, problem), *_shares(row, plan, problem, covers)):
            yield f"{place}: {text}"
    yield from _sizes(plan, problem)
    for item in plan.fleet:
        due = sum(c.nodes for c in covers if c.row is item)
        if differs(item.covered_nodes, due):
            yield (
                f"period {item.period} block {item.block} {item.offer_id}: "
                f"{item.covered_nodes:.6g} nodes covered by commitments, {due:.6g} are"
            )


def spend_charges(plan: Plan, problem: Problem, split: Split) -> Iterator[Charge]:
    """Yield cost line, nominal and discounted USD of every payment for promised spending.

    A term is split by what its commitment covers while it serves, in equal parts over all
    workloads when that is nothing.
    """
    covers = list(_covers(plan, problem))
    for row in plan.spend_commitments:
        stated = _stated(row.commitment_id, problem)
        if stated is None:
            continue
        served = _served(row, stated, problem)
        own = [c for c in covers if c.commitment_id == row.commitment_id]
        used: dict[str, float] = defaultdict(float)
        for cover in (c for c in own if c.row.period in served):
            usd = cover.nodes * cover.rate * block_hours(problem, cover.row.block)
            for name, share in split(cover.row).items():
                used[name] += usd * share
        if not any(used.values()):
            used = defaultdict(float, {w.name: 1.0 for w in problem.workloads})
        total = sum(used.values())
        for period, (usd, later) in _by_period(row, problem).items():
            for name, part in used.items():
                key = (period, _LEASE, name, "", _SPEND)
                yield key, usd * part / total, later * part / total


def spend_by_month(row: SpendRow, problem: Problem) -> Iterator[tuple[int, float, float]]:
    """Yield month, USD and discount factor of what is paid for a promise, for all its months."""
    stated = _stated(row.commitment_id, problem)
    if stated is None:
        return
    length = problem.horizon.months_per_period
    months = _paid_months(row, stated, problem)
    monthly = _monthly(row, stated)
    first = row.start_period * length
    if stated.upfront_share:
        yield first, monthly * len(months) * stated.upfront_share, discount(problem, first)
    for period in sorted({m // length for m in months}):
        inside = [m for m in months if m // length == period]
        factor = discount(problem, (inside[0] + inside[-1] + 1) / 2)
        for month in inside:
            yield month, monthly * (1 - stated.upfront_share), factor


def _by_period(row: SpendRow, problem: Problem) -> dict[int, tuple[float, float]]:
    due: dict[int, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for month, usd, factor in spend_by_month(row, problem):
        period = month // problem.horizon.months_per_period
        due[period] = (due[period][0] + usd, due[period][1] + usd * factor)
    return due


def _stated(commitment_id: str, problem: Problem) -> SpendCommitment | None:
    return _known(problem).get(commitment_id)


def _known(problem: Problem) -> dict[str, SpendCommitment]:
    """Return what may be promised by identity; each tier stands for itself with its discount."""
    known: dict[str, SpendCommitment] = {}
    for stated in problem.supply.spend_commitments:
        for tier in stated.tiers or ():
            own = {"discount": tier.discount, "min_usd_per_hour": tier.from_usd_per_hour}
            name = f"{_SPEND}:{stated.name}/{tier.from_usd_per_hour:.10g}"
            known[name] = stated.model_copy(update=own)
        if stated.tiers is None:
            known[f"{_SPEND}:{stated.name}"] = stated
    return known


def _served(row: SpendRow, stated: SpendCommitment, problem: Problem) -> range:
    periods = _term(stated, problem) // problem.horizon.months_per_period
    return range(row.start_period, min(row.start_period + periods, problem.horizon.periods))


def _paid_months(row: SpendRow, stated: SpendCommitment, problem: Problem) -> range:
    length = problem.horizon.months_per_period
    first = row.start_period * length
    last = first + _term(stated, problem)
    if problem.finance.commitment_tail == "pro_rata" or stated.until is not None:
        last = min(last, problem.horizon.periods * length)
    return range(first, last)


def _term(stated: SpendCommitment, problem: Problem) -> int:
    """Return the months of a term, or those that are left of what is promised already."""
    if stated.until is None:
        return stated.term_months or 0
    begin, end = ([int(p) for p in m.split("-")] for m in (problem.horizon.start, stated.until))
    return (end[0] - begin[0]) * _MONTHS + end[1] - begin[1]


def _monthly(row: SpendRow, stated: SpendCommitment) -> float:
    """Return what a row costs each month, what is paid at its start included."""
    due = stated.usd_per_month
    if due is not None and stated.committed_usd_per_hour:
        return due * row.usd_per_hour / stated.committed_usd_per_hour
    return row.usd_per_hour * HOURS_PER_MONTH


def _rate(row: FleetRow, stated: SpendCommitment) -> float | None:
    """Return what a node-hour of a fleet row takes of a commitment, ``None`` when not covered."""
    if (row.provider, row.tenure) != (stated.provider, _ON_DEMAND):
        return None
    fits = [
        use
        for use in stated.covers
        if use.hardware in {None, row.hardware}
        and use.instance in {None, row.instance}
        and use.region in {None, row.region}
    ]
    if stated.covers and not fits:
        return None
    own, fixed = (fits[0].discount, fits[0].usd_per_node_hour) if fits else (None, None)
    off = stated.discount if own is None else own
    rate = fixed if fixed is not None else row.price_usd_per_hour * (1 - (off or 0.0))
    return rate if rate < row.price_usd_per_hour else None


def _covers(plan: Plan, problem: Problem) -> Iterator[_Covered]:
    """Yield what is covered: narrow commitments first, and of each the largest discount first."""
    order = sorted(_known(problem).items(), key=lambda item: 0 if item[1].covers else 1)
    places = sorted({(row.period, row.block) for row in plan.fleet})
    for period, block in places if plan.spend_commitments else ():
        rows = [r for r in plan.fleet if (r.period, r.block) == (period, block)]
        left = {r.offer_id: float(r.nodes) for r in rows}
        for name, stated in order:
            budget = sum(
                r.usd_per_hour
                for r in plan.spend_commitments
                if r.commitment_id == name and period in _served(r, stated, problem)
            )
            rated = [(rate, r) for r in rows if (rate := _rate(r, stated)) is not None]
            rated.sort(key=lambda x: (x[0] / x[1].price_usd_per_hour, x[0], x[1].offer_id))
            for rate, row in rated:
                nodes = min(left[row.offer_id], budget / rate)
                if nodes > 0:
                    budget -= nodes * rate
                    left[row.offer_id] -= nodes
                    yield _Covered(name, row, nodes, rate)


def _facts(row: SpendRow, stated: SpendCommitment, problem: Problem) -> Iterator[str]:
    if row.usd_per_hour <= 0:
        yield "nothing is promised"
    there = stated.committed_usd_per_hour
    if row.is_existing != (there is not None):
        yield f"is_existing {row.is_existing}, the problem says otherwise"
    if there is not None and (row.start_period or differs(row.usd_per_hour, there)):
        yield f"{there:g} USD/h are promised already, from the start on"
    first = row.start_period * problem.horizon.months_per_period
    due = _by_period(row, problem)
    late = [usd for period, (usd, _) in due.items() if period >= problem.horizon.periods]
    monthly = _monthly(row, stated) * (1 - stated.upfront_share)
    figures = (
        ("USD", row.usd, sum(usd for usd, _ in due.values())),
        ("USD discounted", row.discounted_usd, sum(later for _, later in due.values())),
        ("USD after the horizon", row.usd_after_horizon, sum(late)),
        ("USD per month", row.usd_per_month, monthly),
    )
    for name, figure, want in figures:
        if differs(figure, want) and abs(figure - want) > _CENT * TOLERANCE:
            yield f"{figure:.6f} {name}, the problem gives {want:.6f}"
    words = (
        ("provider", row.provider, stated.provider),
        ("start", row.start_month, _month(problem, first)),
        ("end", row.end_month, _month(problem, first + _term(stated, problem))),
        ("price source", row.price_source, "the problem"),
        ("discount", row.discount, stated.discount),
        ("tier", row.tier_from_usd_per_hour, stated.min_usd_per_hour if stated.tiers else None),
    )
    for name, got, expected in words:
        if got != expected:
            yield f"{name} {got}, expected {expected}"


def _shares(row: SpendRow, plan: Plan, problem: Problem, covers: list[_Covered]) -> Iterator[str]:
    stated = _stated(row.commitment_id, problem)
    if stated is None:
        return
    served = _served(row, stated, problem)
    period_h = problem.horizon.months_per_period * HOURS_PER_MONTH
    promised = period_h * sum(
        other.usd_per_hour
        for other in plan.spend_commitments
        if other.commitment_id == row.commitment_id
        for period in _served(other, stated, problem)
        if period in served
    )
    used, at_list = _covered_usd(covers, row.commitment_id, served, problem)
    could = sum(
        item.nodes * block_hours(problem, item.block) * item.price_usd_per_hour
        for item in plan.fleet
        if item.period in served and _rate(item, stated) is not None
    )
    others = [other for other in plan.spend_commitments if other is not row]
    without = list(_covers(replace(plan, spend_commitments=tuple(others)), problem))
    left, _ = _covered_usd(without, row.commitment_id, served, problem)
    needed = (used - left) / (row.usd_per_hour * period_h * len(served)) if served else 0.0
    by_the_hour = _by_the_hour_usd(covers, problem) - _by_the_hour_usd(without, problem)
    by_the_hour -= _more_off_usd(covers, without, plan, problem)
    by_the_hour = by_the_hour if by_the_hour > TOLERANCE * at_list else 0.0
    own = 0.0 if row.is_existing else row.discounted_usd
    ratio = own / by_the_hour if by_the_hour else None
    for name, got, want in (
        ("used share", row.used_share, used / promised if promised else 0.0),
        ("coverage", row.coverage, at_list / could if could else 0.0),
        ("needed share", row.needed_share, max(needed, 0.0)),
        ("USD by the hour", row.alternative_discounted_usd, by_the_hour),
        ("break-even", row.break_even_used_share, None if ratio is None else needed * ratio),
        ("price fall", row.alternative_price_fall, None if ratio is None else 1 - ratio),
    ):
        if (got is None) != (want is None) or differs(got or 0.0, want or 0.0):
            yield f"{name} {got}, the fleet gives {want}"


def _covered_usd(
    covers: list[_Covered], commitment_id: str, served: range, problem: Problem
) -> tuple[float, float]:
    """Return what a commitment covers over some periods, at its rates and at list prices."""
    used = at_list = 0.0
    for cover in covers:
        if cover.commitment_id == commitment_id and cover.row.period in served:
            node_hours = cover.nodes * block_hours(problem, cover.row.block)
            used += node_hours * cover.rate
            at_list += node_hours * cover.row.price_usd_per_hour
    return used, at_list


def _by_the_hour_usd(covers: list[_Covered], problem: Problem) -> float:
    """Return what all that is covered would cost by the hour, discounted."""
    length = problem.horizon.months_per_period
    return sum(
        cover.nodes
        * block_hours(problem, cover.row.block)
        * cover.row.price_usd_per_hour
        * discount(problem, (cover.row.period + _MIDDLE) * length)
        for cover in covers
    )


def _more_off_usd(
    covers: list[_Covered], without: list[_Covered], plan: Plan, problem: Problem
) -> float:
    """Return what volume discounts take off more, discounted, where less is covered."""
    months = problem.horizon.months_per_period
    usd = 0.0
    for volume in problem.supply.volume_discounts:
        if volume.tiers[0].from_usd_per_month is None:
            continue
        more: dict[int, float] = defaultdict(float)
        for sign, every in ((1, covers), (-1, without)):
            for nodes in (c for c in every if is_for(volume, c.row)):
                hours = sign * nodes.nodes * block_hours(problem, nodes.row.block)
                more[nodes.row.period] += hours * nodes.row.price_usd_per_hour
        for period, listed in more.items():
            off = more_off_usd(volume, spent_usd(volume, plan, period), listed, months)
            usd += off * discount(problem, (period + _MIDDLE) * months)
    return usd


def _sizes(plan: Plan, problem: Problem) -> Iterator[str]:
    """Check that as much is promised at a time as the problem allows, and in the right tier."""
    in_use: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for name, stated in _known(problem).items():
        rows = [r for r in plan.spend_commitments if r.commitment_id == name]
        if stated.committed_usd_per_hour is not None and not rows:
            yield f"{name} is promised already, and not in the plan"
        for period in range(problem.horizon.periods):
            usd = sum(r.usd_per_hour for r in rows if period in _served(r, stated, problem))
            running = _running(stated, problem, period)
            if text := _not_allowed(usd, usd + running, stated):
                yield f"period {period}: {usd:g} USD/h of {name}, {text}"
            if usd + running > 0:
                in_use[stated.name, period][name] = usd
    for (name, period), tiers in in_use.items():
        # Nobody decides about what runs already.
        if len(tiers) > 1 and any(tiers.values()):
            yield f"period {period}: {' and '.join(tiers)} at once, of which {name} allows one"


def _running(stated: SpendCommitment, problem: Problem, period: int) -> float:
    """Return what is promised already of a tier in a period, USD per hour."""
    end = (period + 1) * problem.horizon.months_per_period
    return sum(
        other.committed_usd_per_hour or 0.0
        for other in problem.supply.spend_commitments
        if stated.tiers
        and (other.tiers_of, other.discount) == (stated.name, stated.discount)
        and other.until is not None
        and _month(problem, end) <= other.until
    )


def _not_allowed(usd: float, whole: float, stated: SpendCommitment) -> str:
    """Return why so much may not be promised beside what runs, empty when it may."""
    most = stated.max_usd_per_hour
    low = whole < stated.min_usd_per_hour * (1 - TOLERANCE)
    if usd > 0 and (low or (most is not None and whole > most * (1 + TOLERANCE))):
        return "which the problem does not allow"
    starts = [tier.from_usd_per_hour for tier in stated.tiers or ()]
    above = [start for start in starts if start > stated.min_usd_per_hour]
    reaches = usd > 0 and bool(above) and whole >= above[0]
    return f"which reach the tier from {above[0]:g}" if reaches else ""


def _month(problem: Problem, months: int) -> str:
    year, month = (int(part) for part in problem.horizon.start.split("-"))
    index = year * _MONTHS + month - 1 + months
    return f"{index // _MONTHS:04d}-{index % _MONTHS + 1:02d}"

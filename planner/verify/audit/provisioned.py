"""Provisioned units: their rows, their number and load in every block, and their payments.

Computed again here, month by month, from what the problem states.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.units import HOURS_PER_MONTH, MONTHS_PER_YEAR, TOKENS_PER_MTOK
from planner.verify.audit.clock import block_hours, block_seconds, blocks
from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.lengths import longer_than_paid
from planner.verify.audit.price_path import price_growth, tokens_sold
from planner.verify.audit.terms import discount, months_to
from planner.verify.audit.unit_figures import Present, counted_mtok, unit_figure_violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import ApiRow, Plan
    from planner.plan.finance_rows import ProvisionedRow
    from planner.problem.schema import Problem
    from planner.problem.supply import CommittedUnits, ProvisionedUnits

    Charge = tuple[tuple[int, str, str, str, str], float, float]

_PROVISIONED = "provisioned"
_TOKENS = "api"
_MONTHS = int(MONTHS_PER_YEAR)
_SECONDS = 60.0
_MIDDLE = 0.5


def provisioned_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every row of units that the problem or the tokens contradict."""
    for row in plan.provisioned:
        place = f"{row.units} x {row.units_id} from period {row.start_period}"
        stated = stated_units(row.units_id, problem)
        if stated is None:
            yield f"{place}: the problem has no such units"
            continue
        present_units = dict(_there(row, stated, plan, problem))
        load = _load(row.units_id, stated, plan, problem)
        present = Present(row, stated, present_units, load)
        for text in (
            *_facts(row, stated, problem),
            *unit_figure_violations(present, plan, problem, catalog),
        ):
            yield f"{place}: {text}"
    yield from _missing(plan, problem)
    yield from _sizes(plan, problem)
    for item in plan.api:
        if item.mode == _PROVISIONED:
            place = f"period {item.period} block {item.block} {item.offer_id}"
            for text in _tokens(item, problem):
                yield f"{place}: {text}"


def _there(
    row: ProvisionedRow, stated: ProvisionedUnits, plan: Plan, problem: Problem
) -> Iterator[tuple[int, int]]:
    """Yield each period in which a row serves, with the units of its item that are there."""
    for period in _served(row, stated, problem):
        if period < problem.horizon.periods:
            yield (
                period,
                sum(
                    other.units
                    for other in plan.provisioned
                    if other.units_id == row.units_id and period in _served(other, stated, problem)
                ),
            )


def stated_units(units_id: str, problem: Problem) -> ProvisionedUnits | None:
    """Return the item of the problem behind an identity, ``None`` when there is none."""
    named = (s for s in problem.supply.provisioned if units_id == f"{_PROVISIONED}:{s.name}")
    return next(named, None)


def units_there(plan: Plan, stated: ProvisionedUnits, period: int, problem: Problem) -> int:
    """Return how many units of an item of the problem serve in a period.

    Parameters
    ----------
    plan
        The plan.
    stated
        The item.
    period
        The period.
    problem
        The problem, for the months of its periods.
    """
    return sum(
        row.units
        for row in plan.provisioned
        if row.units_id == f"{_PROVISIONED}:{stated.name}"
        and period in _served(row, stated, problem)
    )


def _missing(plan: Plan, problem: Problem) -> Iterator[str]:
    """Units that are taken on already are there and paid in every plan."""
    got = sorted((r.units_id, r.end_month, r.units) for r in plan.provisioned if r.is_existing)
    due = sorted(
        (f"{_PROVISIONED}:{stated.name}", item.until, item.units)
        for stated in problem.supply.provisioned
        for item in stated.committed
    )
    if got != due:
        yield f"units that are taken on already are {got}, the problem states {due}"


def _committed(row: ProvisionedRow, stated: ProvisionedUnits) -> CommittedUnits | None:
    """Return the item that a row is taken on with already, ``None`` for what a plan takes on."""
    if not row.is_existing:
        return None
    return next((item for item in stated.committed if item.until == row.end_month), None)


def provisioned_charges(plan: Plan, problem: Problem) -> Iterator[Charge]:
    """Yield cost line, nominal and discounted USD of every payment for units.

    A term is split by the counted tokens of planned rates over the time in which it serves; in
    equal parts over all workloads when nobody uses it.
    """
    for row in plan.provisioned:
        stated = stated_units(row.units_id, problem)
        if stated is None:
            continue
        used: dict[str, float] = defaultdict(float)
        for item in plan.api:
            if item.offer_id == row.units_id and item.period in _served(row, stated, problem):
                hours = block_hours(problem, item.block)
                used[item.workload] += hours * _counted_per_minute(item, stated, problem)
        if not any(used.values()):
            used = defaultdict(float, {w.name: 1.0 for w in problem.workloads})
        total = sum(used.values())
        for period, (usd, later) in _payments(row, stated, problem).items():
            for name, part in used.items():
                key = (period, _TOKENS, name, "", _PROVISIONED)
                yield key, row.units * usd * part / total, row.units * later * part / total


def _facts(row: ProvisionedRow, stated: ProvisionedUnits, problem: Problem) -> Iterator[str]:
    if _TOKENS not in problem.supply.tenures and not row.is_existing:
        yield "tokens are not among supply.tenures"
    first = row.start_period * problem.horizon.months_per_period
    due = _payments(row, stated, problem)
    late = [usd for period, (usd, _) in due.items() if period >= problem.horizon.periods]
    figures = (
        ("USD per unit-hour", row.usd_per_unit_hour, _price(row, stated, problem)),
        ("tokens per minute", row.tokens_per_minute,
         row.units * stated.tokens_per_minute_per_unit),
        ("USD", row.usd, row.units * sum(usd for usd, _ in due.values())),
        ("USD discounted", row.discounted_usd, row.units * sum(d for _, d in due.values())),
        ("USD after the horizon", row.usd_after_horizon, row.units * sum(late)),
    )  # fmt: skip
    for name, figure, want in figures:
        if differs(figure, want):
            yield f"{figure:.6f} {name}, the problem gives {want:.6f}"
    months = _term(row, stated, problem)
    words = (
        ("provider", row.provider, stated.provider),
        ("model", row.model, stated.model),
        ("start", row.start_month, _month(problem, first)),
        ("end", row.end_month, _month(problem, first + months)),
        ("price date", row.price_date, problem.horizon.start),
        ("price source", row.price_source, "the problem"),
    )
    for name, got, expected in words:
        if got != expected:
            yield f"{name} {got}, expected {expected}"


def _sizes(plan: Plan, problem: Problem) -> Iterator[str]:
    """Check that as many units as the problem allows are there, and carry what they are sent."""
    for stated in problem.supply.provisioned:
        name = f"{_PROVISIONED}:{stated.name}"
        load = _load(name, stated, plan, problem)
        for period in range(problem.horizon.periods):
            count = units_there(plan, stated, period, problem)
            most = stated.max_units
            above = most is not None and count > most
            if count and (count < stated.min_units or above or count % stated.increment_units):
                there = counted(count, "unit")
                yield f"period {period}: {there} of {name}, which is no size of them"
            for block in blocks(problem):
                sent, carried = load[period, block], count * stated.tokens_per_minute_per_unit
                if sent > carried * (1 + TOLERANCE):
                    yield (
                        f"period {period} block {block}: {sent:.6g} counted tokens per minute on "
                        f"{counted(count, 'unit')} of {name}, with room for {carried:.6g}"
                    )


def _load(
    units_id: str, stated: ProvisionedUnits, plan: Plan, problem: Problem
) -> dict[tuple[int, int], float]:
    """Return counted tokens per minute that an item is sent at planned rates."""
    load: dict[tuple[int, int], float] = defaultdict(float)
    for item in plan.api:
        if item.offer_id == units_id:
            load[item.period, item.block] += _counted_per_minute(item, stated, problem)
    return load


def _tokens(item: ApiRow, problem: Problem) -> Iterator[str]:
    stated = stated_units(item.offer_id, problem)
    if stated is None:
        yield "the problem has no such units"
        return
    got = (item.provider, item.model, item.usd, item.price_date, item.price_source)
    want = (stated.provider, stated.model, 0.0, problem.horizon.start, "the problem")
    if got != want:
        yield f"provider, model, USD, price date and source are {got}, expected {want}"


def _counted_per_minute(item: ApiRow, stated: ProvisionedUnits, problem: Problem) -> float:
    """Return what a row counts against units in a minute at its planned rate."""
    longer = longer_than_paid(problem.workload(item.workload), item.period)
    counted = counted_mtok(item, stated, problem, longer)
    requests = item.rate_rps * block_seconds(problem, item.block)
    per_request = counted * TOKENS_PER_MTOK / requests if requests else 0.0
    return per_request * item.planned_rate_rps * _SECONDS


def _served(row: ProvisionedRow, stated: ProvisionedUnits, problem: Problem) -> range:
    periods = _term(row, stated, problem) // problem.horizon.months_per_period
    return range(row.start_period, row.start_period + periods)


def _term(row: ProvisionedRow, stated: ProvisionedUnits, problem: Problem) -> int:
    item = _committed(row, stated)
    if item is not None:
        return months_to(problem, item.until)
    return max(stated.term_months or 1, problem.horizon.months_per_period)


def _price(row: ProvisionedRow, stated: ProvisionedUnits, problem: Problem) -> float:
    item = _committed(row, stated)
    if item is not None:
        due = item.usd_per_unit_hour
        return stated.usd_per_unit_hour if due is None else due
    first = row.start_period * problem.horizon.months_per_period
    sold = tokens_sold(row.units_id, stated.provider, stated.model)
    return stated.usd_per_unit_hour * price_growth(problem, sold, first)


def _payments(
    row: ProvisionedRow, stated: ProvisionedUnits, problem: Problem
) -> dict[int, tuple[float, float]]:
    """Return nominal and discounted USD of one unit by period, each at its middle."""
    length = problem.horizon.months_per_period
    first = row.start_period * length
    months = range(first, first + _term(row, stated, problem))
    if row.is_existing or problem.finance.commitment_tail == "pro_rata":
        months = range(first, min(months.stop, problem.horizon.periods * length))
    monthly = _price(row, stated, problem) * HOURS_PER_MONTH
    due: dict[int, tuple[float, float]] = {}
    for period in range(row.start_period, -(-months.stop // length)):
        inside = [m for m in months if m // length == period]
        usd = monthly * len(inside)
        middle = (inside[0] + inside[-1] + 1) * _MIDDLE
        due[period] = (usd, usd * discount(problem, middle))
    return due


def units_by_month(row: ProvisionedRow, problem: Problem) -> Iterator[tuple[int, float, float]]:
    """Yield month, USD of one unit and discount factor of everything that is paid for it."""
    stated, length = stated_units(row.units_id, problem), problem.horizon.months_per_period
    if stated is None:
        return
    first = row.start_period * length
    last = first + _term(row, stated, problem)
    for period, (usd, later) in _payments(row, stated, problem).items():
        months = range(max(first, period * length), min(last, (period + 1) * length))
        if row.is_existing or problem.finance.commitment_tail == "pro_rata":
            months = range(months.start, min(months.stop, problem.horizon.periods * length))
        for month in months:
            yield month, usd / len(months), later / usd if usd else 0.0


def _month(problem: Problem, months: int) -> str:
    year, month = (int(part) for part in problem.horizon.start.split("-"))
    index = year * _MONTHS + month - 1 + months
    return f"{index // _MONTHS:04d}-{index % _MONTHS + 1:02d}"

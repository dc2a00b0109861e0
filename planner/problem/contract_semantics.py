"""Contradictions in what a problem says about contracts of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.problem.names import repeated_names, rising
from planner.problem.supply import month_after
from planner.problem.volume_semantics import volume_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.contracts import SpendCommitment
    from planner.problem.schema import Problem
    from planner.yaml_io import Path_

    Finding = tuple[Path_, str]


def contract_findings(problem: Problem) -> Iterator[Finding]:
    """Yield path and sentence of every contradiction.

    Parameters
    ----------
    problem
        A problem that the schema accepts.
    """
    yield from _spend(problem)
    yield from _blocks(problem)
    yield from _minimums(problem)
    yield from volume_findings(problem)


def _spend(problem: Problem) -> Iterator[Finding]:
    section: Path_ = ("supply", "spend_commitments")
    yield from repeated_names(problem.supply.spend_commitments, section)
    for index, stated in enumerate(problem.supply.spend_commitments):
        path = (*section, index)
        yield from _running(stated, problem, path)
        months = problem.horizon.months_per_period
        if stated.term_months is not None and stated.term_months < months:
            message = (
                f"a term of {counted(stated.term_months, 'month')} is shorter than a period; give "
                f"at least {months}, or change `horizon.months_per_period`"
            )
            yield (*path, "term_months"), message
        most = stated.max_usd_per_hour
        if most is not None and most < stated.min_usd_per_hour:
            message = f"{most:g} is below `min_usd_per_hour`, {stated.min_usd_per_hour:g}"
            yield (*path, "max_usd_per_hour"), message
        yield from _rates(stated, path) if stated.tiers is None else _tiers(stated, path)
        if stated.tiers_of is not None and (text := _not_of(stated, problem)):
            yield (*path, "tiers_of"), text


def _not_of(stated: SpendCommitment, problem: Problem) -> str:
    """Return why spending that is promised already is of no tier of an item, empty when it is."""
    if stated.committed_usd_per_hour is None:
        return "is for what is promised already; give `committed_usd_per_hour` and `until` too"
    tables = {s.name: s for s in problem.supply.spend_commitments if s.tiers is not None}
    table = tables.get(stated.tiers_of or "")
    if table is None:
        known = ", ".join(f"`{name}`" for name in tables) or "none"
        return f"`{stated.tiers_of}` is no item with `tiers`; there are {known}"
    if table.provider != stated.provider:
        return f"`{table.name}` is of {table.provider}, not of {stated.provider}"
    discounts = [tier.discount for tier in table.tiers or ()]
    if stated.discount not in discounts:
        accepted = ", ".join(f"{discount:g}" for discount in discounts)
        return f"no tier of `{table.name}` has the discount of this item; accepted: {accepted}"
    return ""


def _running(stated: SpendCommitment, problem: Problem, path: Path_) -> Iterator[Finding]:
    """Yield what is wrong with the term, or with what is promised already."""
    there = (stated.committed_usd_per_hour, stated.until)
    if there == (None, None):
        if stated.term_months is None:
            text = "has no term; give `term_months`, or `committed_usd_per_hour` and `until`"
            yield path, text
        elif stated.usd_per_month is not None:
            text = "is for what is promised already; give `committed_usd_per_hour` and `until` too"
            yield (*path, "usd_per_month"), text
        return
    if None in there:
        yield path, "give both `committed_usd_per_hour` and `until` for what is promised already"
    elif stated.until is not None and stated.until <= problem.horizon.start:
        text = f"{stated.until} is not after the start of the horizon; take the item out"
        yield (*path, "until"), text
    for field in ("term_months", "min_usd_per_hour", "max_usd_per_hour", "upfront_share"):
        if field in stated.model_fields_set:
            text = "has no effect on what is promised already; take it out, or give an item each"
            yield (*path, field), text


def _tiers(stated: SpendCommitment, path: Path_) -> Iterator[Finding]:
    """Yield what contradicts discounts that depend on what is promised."""
    tiers = stated.tiers or []
    yield from rising(tiers, ("from_usd_per_hour", "discount"), (*path, "tiers"))
    for field in ("discount", "min_usd_per_hour", "committed_usd_per_hour"):
        if field in stated.model_fields_set:
            text = "has no place beside `tiers`, which say it; take one of the two out"
            if field == "committed_usd_per_hour":
                text = "has one discount; give `discount` for what is promised already, no `tiers`"
            yield (*path, field), text
    most = stated.max_usd_per_hour
    if most is not None and most < tiers[-1].from_usd_per_hour:
        text = f"{most:g} is below the last of `tiers`, from {tiers[-1].from_usd_per_hour:g}"
        yield (*path, "max_usd_per_hour"), text
    for index, use in enumerate(stated.covers):
        for field in ("discount", "usd_per_node_hour"):
            if getattr(use, field) is not None:
                text = (
                    "is a rate that no tier would change; take it out, or give an item of its own"
                )
                yield (*path, "covers", index, field), text


def _rates(stated: SpendCommitment, path: Path_) -> Iterator[Finding]:
    if stated.discount is None and not stated.covers:
        yield path, "has no rate; give `discount`, or rates of what it `covers`"
    for index, use in enumerate(stated.covers):
        rates = (use.discount, use.usd_per_node_hour)
        here = (*path, "covers", index)
        if None not in rates:
            yield here, "has two rates; give `discount` or `usd_per_node_hour`"
        elif rates == (None, None) and stated.discount is None:
            yield here, "has no rate; give `discount` or `usd_per_node_hour`"


def _blocks(problem: Problem) -> Iterator[Finding]:
    section: Path_ = ("supply", "capacity_blocks")
    yield from repeated_names(problem.supply.capacity_blocks, section)
    for index, block in enumerate(problem.supply.capacity_blocks):
        path = (*section, index)
        not_since = _not_since(block.since, problem)
        if not_since:
            yield (*path, "since"), not_since
        # What is wrong with `since` says nothing about `until`, nor hides what is wrong with it.
        if text := _not_until(None if not_since else block.since, block.until, problem):
            yield (*path, "until"), text


def _minimums(problem: Problem) -> Iterator[Finding]:
    section: Path_ = ("supply", "order_minimums")
    yield from repeated_names(problem.supply.order_minimums, section)
    for index, stated in enumerate(problem.supply.order_minimums):
        path = (*section, index)
        for position, tenure in enumerate(stated.tenures):
            if tenure in stated.tenures[:position]:
                yield (*path, "tenures", position), f"{tenure} is listed twice; take one out"
        for field in ("provider", "region"):
            if "owned" in stated.tenures and getattr(stated, field) is not None:
                text = "is of rented nodes; give servers, tenure owned, an item of their own"
                yield (*path, field), text
    for index, block in enumerate(problem.supply.capacity_blocks):
        if block.min_nodes > block.max_nodes:
            text = f"{block.min_nodes} is above `max_nodes`, {block.max_nodes}"
            yield ("supply", "capacity_blocks", index, "min_nodes"), text


def _not_since(since: str, problem: Problem) -> str:
    """Return why a window cannot begin in a month, empty when it can."""
    borders = _borders(problem)
    if since < problem.horizon.start:
        return (
            f"{since} is before the start of the horizon, {problem.horizon.start}; nodes that are "
            "there or paid for already belong into `supply.existing`"
        )
    if since >= borders[-1]:
        return f"{since} is after the horizon, which ends with {borders[-1]}"
    return "" if since in borders else _within(since, borders[:-1])


def _not_until(since: str | None, until: str, problem: Problem) -> str:
    """Return why a window cannot end in a month, empty when it can, whenever it begins."""
    borders = _borders(problem)
    first = problem.horizon.start if since is None else since
    if until <= first:
        what = "the start of the horizon" if since is None else "the first month with the nodes"
        return f"{until} is not after {first}, {what}"
    later = [month for month in borders if month > first]
    return "" if until in later or until > borders[-1] else _within(until, later)


def _within(month: str, borders: list[str]) -> str:
    return (
        f"{month} lies within a period, for which no node could be counted on; give one of "
        f"{', '.join(borders)}, or smaller `horizon.months_per_period`"
    )


def _borders(problem: Problem) -> list[str]:
    """Return the first month of every period, and the first after the horizon."""
    horizon = problem.horizon
    months = range(0, (horizon.periods + 1) * horizon.months_per_period, horizon.months_per_period)
    return [month_after(horizon.start, count) for count in months]

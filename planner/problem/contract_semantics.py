"""Contradictions in what a problem says about contracts of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    seen: dict[str, int] = {}
    for index, stated in enumerate(problem.supply.spend_commitments):
        path: Path_ = ("supply", "spend_commitments", index)
        if stated.name in seen:
            message = f"`{stated.name}` names item {seen[stated.name]} too; rename one of the two"
            yield (*path, "name"), message
        seen.setdefault(stated.name, index)
        months = problem.horizon.months_per_period
        if stated.term_months < months:
            message = (
                f"{stated.term_months} months are shorter than a period; give at least {months}, "
                "or change `horizon.months_per_period`"
            )
            yield (*path, "term_months"), message
        most = stated.max_usd_per_hour
        if most is not None and most < stated.min_usd_per_hour:
            message = f"{most:g} is below `min_usd_per_hour`, {stated.min_usd_per_hour:g}"
            yield (*path, "max_usd_per_hour"), message
        yield from _rates(stated, path)


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

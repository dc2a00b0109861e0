"""Prices that are too old at the start of the horizon: what they keep from being offered.

``supply.max_price_age_days`` is a rule of prudence: a price that nobody has looked at for so long
is no price to plan with. Who runs into it has to read so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from planner.options.records import OptionSet, Rejection
    from planner.problem.schema import Problem

PRICE_AGE = "price_age"
"""Reason of what is left out for the age of its price."""


def age_ratio(age_days: int, allowed_days: int) -> float:
    """Return the age of a price over the age that is allowed, or over a day where none is.

    Parameters
    ----------
    age_days, allowed_days
        Days, >= 0.
    """
    return age_days / max(allowed_days, 1)


def oldest_days(rejections: Iterable[Rejection], problem: Problem) -> int:
    """Return the age of the oldest price that is left out for it, in days; 0 when none is.

    Parameters
    ----------
    rejections
        What is left out.
    problem
        The problem, for the age that it allows.
    """
    allowed = max(problem.supply.max_price_age_days, 1)
    ratios = (r.shortfall or 0.0 for r in rejections if r.reason == PRICE_AGE)
    return round(max(ratios, default=0.0) * allowed)


def old_prices(problem: Problem, options: OptionSet) -> list[str]:
    """Return a note when offers are left out for the age of their price.

    Parameters
    ----------
    problem
        The problem, for the age that it allows.
    options
        What is left out.
    """
    old = {r.subject for r in options.rejections if r.reason == PRICE_AGE}
    if not old:
        return []
    return [
        f"{counted(len(old), 'offer')} left out, with a price older than "
        f"{counted(problem.supply.max_price_age_days, 'day')} at the start of the horizon "
        "(supply.max_price_age_days); `planner options --rejected` names them"
    ]


def why_no_node(options: OptionSet, tenures: Collection[str]) -> str:
    """Return why no node of some tenures is on offer.

    Parameters
    ----------
    options
        What is left out.
    tenures
        Ways to pay that nothing on offer has.
    """
    names = ", ".join(sorted(tenures))
    old = {
        r.subject
        for r in options.rejections
        if (r.kind, r.reason) == ("offer", PRICE_AGE) and set(r.subject.split(":")) & set(tenures)
    }
    if not old:
        return f"no node of {names} is on offer; see supply.tenures"
    return (
        f"no node of {names} is on offer: the price of {counted(len(old), 'offer')} is older than "
        "supply.max_price_age_days allows"
    )

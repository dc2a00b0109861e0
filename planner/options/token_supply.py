"""What tokens can do for a workload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.offers import price_lists_at

if TYPE_CHECKING:
    import datetime

    from planner.catalog.load import Catalog
    from planner.options.records import Rejection
    from planner.options.supply_records import ApiOption
    from planner.problem.schema import Problem


@dataclass(frozen=True, slots=True)
class TokenSupply:
    """API options of one workload: usable, barred only by unproven latency, and rejected."""

    usable: tuple[ApiOption, ...]
    unproven: tuple[ApiOption, ...]
    rejections: tuple[Rejection, ...]

    def __add__(self, other: TokenSupply) -> TokenSupply:
        """Return both supplies together."""
        return TokenSupply(
            self.usable + other.usable,
            self.unproven + other.unproven,
            self.rejections + other.rejections,
        )


def somebody_sells(problem: Problem, catalog: Catalog, date: datetime.date) -> bool:
    """Return whether tokens of some candidate are sold, to a workload that may run anywhere.

    Nothing else is looked at: not quality, latency, or the age of prices.

    Parameters
    ----------
    problem
        The problem; its tenures do not count.
    catalog
        Offers of tokens.
    date
        Day on which they are sold.
    """
    if not any(w.residency == "any" and w.lengths is not None for w in problem.workloads):
        return False
    models, providers = problem.candidates.models, problem.supply.providers
    return bool(problem.supply.provisioned) or any(
        (not models or prices.base.model in models)
        and (not providers or prices.base.provider in providers)
        for prices in price_lists_at(catalog, date)
    )

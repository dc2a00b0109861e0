"""What is said about a plan beyond itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.milp.near_optimal import HardwareRange
    from planner.plan.document import Plan


@dataclass(frozen=True, slots=True)
class Changed:
    """The same problem with one figure changed, or several together, solved again.

    Parameters
    ----------
    family, where
        What kind of limit, and which.
    change
        What was changed, in words.
    assignments
        ``PATH=VALUE`` changes, as ``--set`` takes them.
    cost_usd, bound_usd
        Discounted cost of its plan and the proven limit; ``None`` without a plan in time.
    saves_usd
        Cost of the plan less that of the other one; negative where it costs more.
    saves_least_usd, saves_most_usd
        What the change saves for certain, and at most, by the bounds of both.
    """

    family: str
    where: str
    change: str
    assignments: tuple[str, ...]
    cost_usd: float | None
    bound_usd: float | None
    saves_usd: float | None
    saves_least_usd: float | None
    saves_most_usd: float | None


@dataclass(frozen=True, slots=True)
class Loser:
    """An offer that the plan leaves out.

    Parameters
    ----------
    offer_id, hardware
        The offer; tokens have no hardware.
    factor
        Factor on its price at which a plan with it costs no more than the plan; ``None`` when no
        such plan was found.
    price_usd_per_hour, wins_at_usd_per_hour
        Price of a node in the first period that has one, and that price times the factor; of nodes
        for a term and of servers the mean of all that is paid for an hour, ``None`` of tokens.
    proven
        Whether no higher price, up to that which it has, would do.
    is_as_good
        Whether a plan with it costs no more at its present price already: it ties with the plan,
        or beats it by no more than the gap of the plan. No price has to fall then.
    """

    offer_id: str
    hardware: str
    factor: float | None
    price_usd_per_hour: float | None
    wins_at_usd_per_hour: float | None
    proven: bool
    is_as_good: bool = False


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a plan hangs on.

    Parameters
    ----------
    plan
        The plan; without one nothing else is said.
    changed
        Limits and demand, each changed by a little.
    within
        Share of the cost by which the plans of `ranges` may be dearer.
    ranges
        How much of each hardware type such plans use.
    losers
        The cheapest offers that the plan leaves out, by the hour, for a term and bought, of each
        hardware type, and tokens of each model, and where they would win.
    remarks
        What was not done and why.
    """

    plan: Plan
    changed: tuple[Changed, ...] = ()
    within: float = 0.0
    ranges: tuple[HardwareRange, ...] = ()
    losers: tuple[Loser, ...] = ()
    remarks: tuple[str, ...] = ()

"""What is said about a problem without a plan."""

from __future__ import annotations

from dataclasses import dataclass

CAP, POLICY, SERVICE, DEMAND = range(4)
"""Kinds of levers, in the order in which fixes are proposed: limits that somebody wrote down as
such, rules of prudence, a lesser service, and less of it."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that leaves no plan, and by how much.

    Parameters
    ----------
    family
        What kind of limit: ``quota``, ``budget``, ``power``, ``window``, ``latency`` and so on.
    workload
        Workload it belongs to, empty when all share it.
    where
        The limit in words, with its value.
    amount, unit
        How far it is from enough; ``None`` where that is no number.
    """

    family: str
    workload: str
    where: str
    amount: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class FixCost:
    """What the plan of a changed problem costs.

    Parameters
    ----------
    cost_usd
        Discounted cost over the horizon of a plan that was found.
    usd_per_month
        Undiscounted cost by month of the horizon.
    bound_usd
        Proven limit below the cost of every plan, ``None`` for none.
    gap
        What of the cost the bound leaves open, as a fraction of it; ``None`` for no bound.
    is_within_gap
        Whether that is no more than was asked for. Where it is not, a cheaper plan may well exist.
    """

    cost_usd: float
    usd_per_month: float
    bound_usd: float | None
    gap: float | None
    is_within_gap: bool


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of the problem with which there is a plan.

    Parameters
    ----------
    assignments
        ``PATH=VALUE`` changes, as ``--set`` takes them.
    amount, unit
        How much the first of them changes; ``None`` where that is no number.
    confirmed
        True when the changed problem was solved and has a plan.
    causes
        What the assignments loosen, in their order.
    kind
        Which of the kinds above gives way most.
    cost
        What the plan with them costs; ``None`` where nothing was priced.
    """

    assignments: tuple[str, ...]
    amount: float | None
    unit: str
    confirmed: bool
    causes: tuple[Cause, ...]
    kind: int = CAP
    cost: FixCost | None = None

    @property
    def keeps_promises(self) -> bool:
        """Whether demand, limits of service and rules of prudence stay as they are."""
        return self.kind == CAP


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why there is no plan.

    Parameters
    ----------
    problem
        Name of the problem.
    infeasible
        ``False`` when there is a plan, ``None`` when that was not found out in time.
    fixes
        Smallest changes, best first: each is enough by itself.
    causes
        What they loosen, in their order, without repetition; then what is known to be too tight
        without a fix.
    remarks
        What was not tried and why.
    """

    problem: str
    infeasible: bool | None
    fixes: tuple[Fix, ...] = ()
    causes: tuple[Cause, ...] = ()
    remarks: tuple[str, ...] = ()

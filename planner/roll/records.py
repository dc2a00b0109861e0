"""What a replay is about: what came instead of the forecast, what was ordered, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from planner.options.purchases import Kind, Purchase

Orders = Mapping[Purchase, float]
"""Nodes, provisioned units or USD per hour that are taken on for a term or for good."""
Factors = Mapping[str, tuple[float, ...]]
"""Factors by name, one for each period."""
ForecastName = Literal["last-seen", "as-stated"]


class NoPlanError(Exception):
    """A policy cannot go on; the message says in which period and why."""


@dataclass(frozen=True, slots=True)
class Actuals:
    """What came, as factors on what the problem says.

    Parameters
    ----------
    rates
        Factors on the rates of every workload, > 0.
    prices
        Factors on the prices of offers of nodes or tokens, > 0; others cost what the problem says.
    """

    rates: Factors
    prices: Factors


@dataclass(frozen=True, slots=True)
class Order:
    """What a policy has taken on.

    Parameters
    ----------
    ordered_in
        Period at whose start it was ordered, counted from 0.
    offer_id, tenure, hardware, nodes
        What, and how many nodes; units and promised spending have no hardware and no nodes.
    start_month, end_month
        First month with it, and first month without, ``YYYY-MM``.
    usd_per_node_hour
        What an hour of a node, of a unit or of one USD per hour costs on average over what is paid
        for.
    kind, amount
        Whether it is ``nodes``, ``units`` or ``spend``, and how many of them, or USD per hour.
    """

    ordered_in: int
    offer_id: str
    tenure: str
    hardware: str
    nodes: int
    start_month: str
    end_month: str
    usd_per_node_hour: float
    kind: Kind
    amount: float


@dataclass(frozen=True, slots=True)
class PeriodOutcome:
    """What one period cost, and what was missed in it.

    Parameters
    ----------
    period
        Counted from 0; payments after the horizon are in one row more.
    start_month
        ``YYYY-MM``.
    committed_usd
        Paid for what was taken on or was there, nominal.
    by_use_usd
        Everything else that was paid, nominal.
    value_left_usd
        What owned nodes are worth at the end, negative.
    requests, missed_requests
        Asked for, and not served.
    penalty_usd
        Price of the requests that were not served, which nobody pays.
    discounted_usd
        All of it, discounted.
    """

    period: int
    start_month: str
    committed_usd: float
    by_use_usd: float
    value_left_usd: float
    requests: float
    missed_requests: float
    penalty_usd: float
    discounted_usd: float


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """What one policy cost.

    Parameters
    ----------
    policy
        Its name.
    cost_usd
        Discounted, the price of missed requests included: what every policy minimises; ``None``
        where it came to no end.
    bound_usd
        Proven lower limit of the cost of any policy; of perfect foresight only.
    cash_usd
        Everything that is paid, nominal, payments after the horizon included; what owned nodes are
        worth at the end is none.
    missed_requests, requests
        Over the horizon.
    penalty_usd
        Price of missed requests, nominal.
    orders
        What was taken on.
    periods
        A row for every period, and one for what is paid after the horizon if anything is.
    why_not
        Why there is no cost.
    late
        Periods in which a program was stopped by its time limit, outside the gap.
    plan_json
        The course of its decisions as a plan of the problem as it turned out, as text of a plan
        file; ``None`` where there is none, or where a store has kept the rest.
    """

    policy: str
    cost_usd: float | None = None
    bound_usd: float | None = None
    cash_usd: float | None = None
    missed_requests: float | None = None
    requests: float | None = None
    penalty_usd: float | None = None
    orders: tuple[Order, ...] = ()
    periods: tuple[PeriodOutcome, ...] = ()
    why_not: str | None = None
    late: tuple[int, ...] = ()
    plan_json: str | None = None

    @property
    def as_data(self) -> dict[str, Any]:
        """Values that JSON has, without the plan."""
        return {key: value for key, value in asdict(self).items() if key != "plan_json"}

    @property
    def missed_share(self) -> float | None:
        """Share of all requests that was not served."""
        if self.missed_requests is None or not self.requests:
            return None
        return self.missed_requests / self.requests

"""Rows of a plan about money over time: cash by month, and when a purchase pays back."""

from __future__ import annotations

import math
from dataclasses import dataclass

OWN = "plan"
"""Name of the plan itself beside its baselines."""
CASH, VALUE_LEFT, UNSERVED = "cash", "terminal_value", "unserved"


@dataclass(frozen=True, slots=True)
class CashFlow:
    """What one plan or baseline pays in one month.

    `plan` is ``plan`` or the name of a baseline, `month` is ``YYYY-MM``, `kind` is ``cash`` or
    ``terminal_value`` (the value left of owned nodes, negative, at the end of the horizon).
    Undiscounted amounts add up to the undiscounted cost, discounted ones to ``cost_usd``.
    """

    plan: str
    month: str
    kind: str
    usd: float
    discounted_usd: float


@dataclass(frozen=True, slots=True)
class PeriodMoney:
    """One period in three views that add up to the same cost.

    `cash_usd` is what is paid, `terminal_value_usd` the value left of owned nodes (negative),
    `unserved_usd` the price of requests that nobody serves, which nobody is paid, and
    `discounted_usd` all three at their own dates: the net present value of the plan is their sum.
    `amortised_usd` spreads everything that a commitment costs, less the value left, evenly over
    the months it is for; all else stands as it is paid. Periods go on after the horizon while
    payments or commitments do.
    """

    period: int
    cash_usd: float
    terminal_value_usd: float
    discounted_usd: float
    amortised_usd: float
    unserved_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkloadCost:
    """What one workload costs in three senses, undiscounted over the horizon.

    `average_usd` is its share of the plan; `incremental_usd` what the plan costs more than the
    best one without it; `stand_alone_usd` the best plan of it alone. Of discounted costs, which
    the program minimises, both have proven limits. Two plans that are each within a gap of the
    optimum say what optimal ones differ by only between `incremental_discounted_low_usd`, the
    difference less what the plan may be above its bound, and `incremental_discounted_high_usd`,
    the difference and what the plan without the workload may be above its own.
    """

    workload: str
    average_usd: float
    incremental_usd: float | None
    stand_alone_usd: float | None
    average_usd_per_request: float
    incremental_usd_per_request: float | None
    stand_alone_usd_per_request: float | None
    incremental_discounted_usd: float | None
    incremental_discounted_low_usd: float | None
    incremental_discounted_high_usd: float | None
    stand_alone_discounted_usd: float | None
    stand_alone_discounted_low_usd: float | None
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Payback:
    """When the plan has paid back against a baseline, and at which demand it no longer would.

    Months are counted from `order_month`, the first purchase order; `payback_month` is the month
    at whose end the cumulative cash of the plan is at or below that of the baseline and stays so.
    Where that comes before the order there is nothing to pay back, and the months are 0.
    The price of requests that are not served is no cash: `unserved_usd` and
    `baseline_unserved_usd` are what it comes to over the horizon, nominal. It is in the costs
    that break-even demand compares.
    `break_even_demand_factor` is the factor on all demand at which the plan, with everything it
    has taken on held as it is, and the baseline cost the same; between the proven figures `low`
    (there the plan is dearer) and `high` (there it is cheaper) lies what the bounds leave open.
    It is ``None`` with the reason in `break_even_why_not` where there is no such factor, or where
    the costs are the same within the gap over a range of factors: the reason then names the range.
    """

    baseline: str
    order_month: str
    payback_months: int | None
    payback_month: str | None
    discounted_payback_months: int | None
    discounted_payback_month: str | None
    why_not: str | None
    break_even_demand_factor: float | None = None
    break_even_low: float | None = None
    break_even_high: float | None = None
    break_even_why_not: str | None = None
    unserved_usd: float = 0.0
    baseline_unserved_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class CommitmentFigures:
    """What one commitment carries, and what renting instead would have to cost.

    Shares are over the periods in which its nodes serve. `coverage` is the share of all requests
    that it carries, those of hours without its nodes included; `used_share` the share of its paid
    accelerator-hours that replicas hold, spares included, and `utilization` the share that is at
    work at the mean rate, all commitments of the same hardware alike. `needed_share` is the share
    that would have to be rented without it, all other commitments used first.

    `counted_discounted_usd` is what the plan would not pay without it: the whole term as the plan
    pays it, also after the horizon unless ``commitment_tail: pro_rata`` cuts it, with the people
    that its nodes need and their part of dear hours, less the value left. Of nodes that were
    there it is what keeping them costs beyond selling them at the first moment at which they may
    be, the resale forgone included; 0 where they cannot be sold. `alternative_discounted_usd` is
    what the hours needed cost by the hour on the whole nodes of the same hardware that are
    cheapest for them in each block, of any offers that may hold what runs there and that quotas
    leave (`alternative_offer_id` names all, joined by `` + ``), with their people and less the
    volume discounts that all spending of a month reaches then; ``None`` where they cannot be had.
    Replicas that may not stand on the same nodes share none. Renting costs as much at
    ``break_even_used_share = needed_share x counted / alternative``, and with its rent lower in
    every period by ``alternative_price_fall`` (negative when renting is cheaper already, 1 when it
    is not even for nothing; that of the rent alone, people stay). Both are ``None`` where nothing
    of it is needed. `last_node_price_fall` is the fall at which one node less costs as much. All
    else stays as it is: a plan made for the lower rent may do without the commitment sooner.

    `usd_per_accelerator_hour` and `alternative_usd_per_accelerator_hour` are nominal prices of an
    hour with people, means over the periods. `order_by` is the last day to order: the first day
    of service less the lead time. `sold_month` tells nodes that are sold from those that stay.
    """

    offer_id: str
    start_period: int
    order_by: str
    coverage: float
    used_share: float
    utilization: float
    usd_per_accelerator_hour: float
    alternative_offer_id: str | None
    alternative_usd_per_accelerator_hour: float | None
    break_even_used_share: float | None
    alternative_price_fall: float | None
    sold_month: str | None = None
    needed_share: float = 0.0
    counted_discounted_usd: float = 0.0
    alternative_discounted_usd: float | None = None
    last_node_price_fall: float | None = None


@dataclass(frozen=True, slots=True)
class ProvisionedRow:
    """Units of token throughput that are taken on together, for a term, used or not.

    Months are ``YYYY-MM``: of the first and of the first without them. `tokens_per_minute` is what
    all of them carry, counted as the problem says. `usd` is everything that is paid for them,
    nominal; `usd_after_horizon` is the part of it that is due after the horizon. `is_existing`
    tells those that were taken on before the plan, `units_kept` how many of them an earlier plan
    had ordered.

    Shares are over the hours of the periods in which the term serves; units of one item that are
    there together carry alike. `coverage` is the share of all requests that they carry,
    `utilization` the share of what they could carry at the mean rate. `needed_share` is the share
    of it that other units of the item there would have no room for without these. By use that
    would cost `alternative_usd`, each workload at the cheapest offer of the same model that it may
    use itself (`alternative_offer_id` names all, joined by `` + ``; ``None`` where one may use
    none), less the volume discounts that all tokens of a month reach then;
    `alternative_discounted_usd` is the same discounted. Paying by use costs as much as
    `discounted_usd` at ``break_even_utilization = needed_share x discounted_usd /
    alternative_discounted_usd``, and where tokens get cheaper by ``alternative_price_fall = 1 -
    discounted_usd / alternative_discounted_usd`` (negative when they are cheaper already). Units
    that were taken on before the plan are due whatever is decided: 0 counts in place of
    `discounted_usd`. `order_by` is the last day to decide: the first one of the term.
    """

    units_id: str
    provider: str
    model: str
    units: int
    tokens_per_minute: float
    start_month: str
    end_month: str
    start_period: int
    usd_per_unit_hour: float
    usd: float
    discounted_usd: float
    usd_after_horizon: float
    price_date: str
    price_source: str
    is_existing: bool = False
    order_by: str = ""
    coverage: float = 0.0
    utilization: float = 0.0
    alternative_offer_id: str | None = None
    alternative_usd: float | None = None
    break_even_utilization: float | None = None
    alternative_price_fall: float | None = None
    needed_share: float = 0.0
    alternative_discounted_usd: float | None = None
    units_kept: int = 0


@dataclass(frozen=True, slots=True)
class SpendRow:
    """Spending that is promised to a provider by the hour for a term, used or not.

    `usd` is everything that is paid for it, nominal; `usd_after_horizon` the part that is due
    after the horizon; `usd_per_month` what it costs each month beside what is paid at once. Shares
    are over the hours of the periods in which the term serves, and of all that is promised there
    of the same commitment: `used_share` is the share of the promise that covers use, `coverage`
    the share of the on-demand use that it could cover, at on-demand prices. `needed_share` is the
    share of this promise that covers use which others of the same commitment would not cover
    without it. `alternative_discounted_usd` is what the plan would pay more by the hour without
    it, at on-demand prices less the volume discounts that all spending of a month reaches then.
    Paying by the hour costs as much as `discounted_usd` at ``break_even_used_share = needed_share
    x discounted_usd / alternative``, and where on-demand prices fall by ``alternative_price_fall =
    1 - discounted_usd / alternative`` while the promise and the tiers stay as they are (negative
    when it does so already); ``None``
    where it covers nothing. What is promised already (`is_existing`) is due whatever is decided:
    0 counts in place of `discounted_usd`. It is paid within the horizon, from its start on. What
    it covers is in the fleet (`covered_nodes`). `discount` is the fraction off the on-demand
    price, ``None`` where only what is covered has rates, and `tier_from_usd_per_hour` the
    threshold of the tier that gives it, ``None`` without tiers. `usd_per_hour_kept` is the part
    of `usd_per_hour` that an earlier plan had ordered.
    """

    commitment_id: str
    provider: str
    usd_per_hour: float
    start_month: str
    end_month: str
    start_period: int
    usd: float
    discounted_usd: float
    usd_after_horizon: float
    usd_per_month: float
    used_share: float
    coverage: float
    break_even_used_share: float | None
    price_source: str
    is_existing: bool
    discount: float | None = None
    tier_from_usd_per_hour: float | None = None
    alternative_price_fall: float | None = None
    needed_share: float = 0.0
    alternative_discounted_usd: float = 0.0
    usd_per_hour_kept: float = 0.0


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """What a volume discount takes off in one period.

    `spent_usd` is what counts in the period, before volume discounts: rent by the hour that no
    spend commitment covers, and tokens. Tiers apply to each month, and months are equal in a
    period: `volume` is that of a month, in `unit` (``usd_per_month``, ``mtok_per_month``),
    `tier_from` the threshold of the highest tier that it reaches, and `discount` that tier's. It
    holds for the part above the threshold, or for everything that counts (`applies_to`).
    """

    name: str
    provider: str
    period: int
    spent_usd: float
    rebate_usd: float
    unit: str
    volume: float
    tier_from: float
    discount: float
    applies_to: str


@dataclass(frozen=True, slots=True)
class CommitmentLoss:
    """What a commitment loses when demand is another one, discounted.

    ``loss_usd = held_usd - without_usd``, negative for a gain. For one commitment, the fleet is
    operated with everything the plan takes on, and with everything but it; nothing else is taken
    on. For all of them (`offer_id` empty, `start_period` null), the second is the best plan that
    could have been made for this demand. What two optimal plans differ by lies between
    `loss_low_usd` and `loss_high_usd`, which follow from the bounds of both; against the best plan
    it is never below 0.
    """

    offer_id: str
    start_period: int | None
    demand_factor: float
    held_usd: float | None
    held_bound_usd: float | None
    without_usd: float | None
    without_bound_usd: float | None
    loss_usd: float | None
    loss_low_usd: float | None
    loss_high_usd: float | None
    why_not: str | None


_QUARTER_MONTHS = 3


def delay_months(months_per_period: int) -> int:
    """Return the months in which a delayed plan orders nothing: the periods that cover a quarter.

    Parameters
    ----------
    months_per_period
        Length of a period, months, >= 1.
    """
    return math.ceil(_QUARTER_MONTHS / months_per_period) * months_per_period


@dataclass(frozen=True, slots=True)
class OrderDate:
    """What must be ordered or sold in one month, and what it costs to do neither for a while.

    The delayed plan keeps what was ordered and sold before, orders and sells nothing at all until
    `delayed_to_month`, a quarter later or the whole periods that cover it, and is the best one
    otherwise; `delay_usd` is what it costs more than the plan,
    discounted, and what two optimal plans differ by lies between `delay_low_usd`, never below 0,
    and `delay_high_usd`.
    """

    order_month: str
    order_by: str
    orders: tuple[str, ...]
    delayed_usd: float | None
    delayed_bound_usd: float | None
    delay_usd: float | None
    delay_low_usd: float | None
    delay_high_usd: float | None
    why_not: str | None
    delayed_to_month: str

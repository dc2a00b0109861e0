"""Sections of a problem about supply: who may serve, on what terms, within which limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.problem.contracts import (
    CapacityBlock,
    OrderMinimum,
    SpendCommitment,
    VolumeDiscount,
)
from planner.problem.price_paths import PriceChanges, PricePath, YearlyChange
from planner.problem.section import (
    Count,
    Fraction,
    Month,
    Name,
    Nodes,
    NonNegative,
    Positive,
    PositiveUsdPerHour,
    Section,
    Usd,
    UsdPerHour,
)
from planner.problem.staff import Staff
from planner.units import HOURS_PER_DAY


class Quota(Section):
    """At most so many accelerators of a kind at any time."""

    hardware: str
    max_accelerators: Annotated[int, Field(ge=0)]
    provider: str | None = None
    region: str | None = None


Tenure = Literal["on_demand", "spot", "reserved_1y", "reserved_3y", "owned", "api"]
_MONTHS_PER_YEAR = 12
_ROUNDING = 1e-9


HourOfDay = Annotated[float, Field(ge=0, le=HOURS_PER_DAY)]
HoursOfDay = Annotated[list[HourOfDay], Field(min_length=2, max_length=2)]
"""A run of hours from one time of the day to another, which may lie behind midnight."""


class Resale(Section):
    """What an owned node brings when it is sold, less what the sale costs."""

    usd_per_node: Usd | list[Usd]
    """At the start of the horizon; or at the start of every period, and at the end of the last."""
    change_per_year: YearlyChange | None = None
    """Yearly change of one figure, as a fraction: -0.3 for a fall by 30 % a year."""

    def usd_at(self, period: int, months_per_period: int) -> float:
        """Return what a node brings at the start of a period; their number stands for the end.

        Parameters
        ----------
        period
            Periods from the start of the horizon on, >= 0.
        months_per_period
            Months of a period.
        """
        if isinstance(self.usd_per_node, list):
            return self.usd_per_node[period]
        years = period * months_per_period / _MONTHS_PER_YEAR
        return float(self.usd_per_node * (1.0 + (self.change_per_year or 0.0)) ** years)


PricePerKwh = Annotated[float, Field(ge=0, le=100)]
DayOfPrices = Annotated[list[PricePerKwh], Field(min_length=24, max_length=24)]
"""A price for each hour of the day, from 00:00 on."""


class ExistingNodes(Section):
    """Nodes that are there, or on order, and stay until a month; paid whether used or not."""

    hardware: str
    tenure: Literal["reserved_1y", "reserved_3y", "capacity_block", "owned"]
    nodes: Nodes
    accelerators_per_node: Nodes
    since: Month | None = None
    """First month with them when they are ordered but not there yet; a period begins with it."""
    until: Month | None = None
    """First month without them; absent when they outlive the horizon."""
    usd_per_node_hour: UsdPerHour
    """What is still paid for a node: the lease, or energy, space and support of an owned one."""
    hours: Annotated[list[HoursOfDay], Field(min_length=1)] | None = None
    """Hours of every day in which inference may have the nodes, as `[[20, 8]]`; absent: all. The
    price is then paid in these hours only, whether inference has the nodes or not."""
    provider: Name = "existing"
    region: str = "any"
    resale: Resale | None = None
    """What owned nodes bring; they may then be sold at the start of any period."""
    needs_people: bool = False
    """Whether owned nodes need the fixed people of the site, `staff_fte`, as bought servers do,
    where `supply.staff.owned` is not stated. People of each node are part of the price here."""

    @property
    def hours_per_day(self) -> float:
        """Hours of a day in which the nodes are there, and paid."""
        if self.hours is None:
            return HOURS_PER_DAY
        return sum((end - begin) % HOURS_PER_DAY or HOURS_PER_DAY for begin, end in self.hours)

    def blocks_inside(self, blocks_per_day: int) -> frozenset[int] | None:
        """Return the blocks of a day that lie wholly in the hours, ``None`` for all.

        Parameters
        ----------
        blocks_per_day
            Equal blocks of a day, from 00:00 on.
        """
        if self.hours is None:
            return None
        length = HOURS_PER_DAY / blocks_per_day
        return frozenset(
            b
            for b in range(blocks_per_day)
            if self._hours_between(b * length, (b + 1) * length) >= length * (1 - _ROUNDING)
        )

    def _hours_between(self, first: float, last: float) -> float:
        inside = 0.0
        for begin, end in self.hours or ():
            pieces = [(begin, end)] if begin < end else [(begin, HOURS_PER_DAY), (0.0, end)]
            inside += sum(max(min(last, b) - max(first, a), 0.0) for a, b in pieces)
        return inside


class ApiLimit(Section):
    """What one account may send to a provider of tokens in a minute, all workloads together."""

    provider: str
    model: str | None = None
    """Model that the limit is for; absent when it is for all models of the provider together."""
    mode: Literal["standard", "batch"] = "standard"
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    """Input, cached input included, and output together."""
    input_tokens_per_minute: Positive | None = None
    """Input, cached input included."""
    output_tokens_per_minute: Positive | None = None


class CommittedUnits(Section):
    """Units that are taken on already: they stay and are paid until their end, used or not."""

    units: Nodes
    until: Month
    """First month without them."""
    usd_per_unit_hour: UsdPerHour | None = None
    """What is still due for a unit; absent: the price of the item."""


class ProvisionedUnits(Section):
    """Throughput of a model that is bought by the unit and paid whether used or not."""

    name: Name
    provider: Name
    """One of the catalogue, or of nodes that the problem states."""
    model: str
    usd_per_unit_hour: PositiveUsdPerHour
    """Your price, at the start of the horizon."""
    tokens_per_minute_per_unit: Annotated[float, Field(ge=1e-3, le=1e12)]
    """Tokens that a unit carries, counted with the weights below."""
    output_weight: Annotated[float, Field(gt=0, le=1e3)] = 1.0
    """What an output token counts; an input token counts 1."""
    cached_input_weight: Fraction = 1.0
    """What an input token found in the cache counts."""
    min_units: Nodes = 1
    """Least units of a deployment; none at all is always possible."""
    increment_units: Nodes = 1
    """Units come in multiples of this."""
    max_units: Nodes | None = None
    term_months: Count | None = None
    """Months for which units are taken on; absent when they may change every period."""
    committed: list[CommittedUnits] = []
    """What is taken on already, beside what the plan takes on."""
    quantization: str | None = None
    """Number format the provider states; its score is that of bf16 when it states none."""
    ttft_p99_ms: Positive | None = None
    tpot_p99_ms: Positive | None = None
    """Latencies the provider promises, for workloads with limits."""


def months_between(first: str, second: str) -> int:
    """Return the months from one month to another, negative when the second is earlier.

    Parameters
    ----------
    first, second
        Months, ``YYYY-MM``.
    """
    year, month = (int(part) for part in first.split("-"))
    later_year, later = (int(part) for part in second.split("-"))
    return (later_year - year) * _MONTHS_PER_YEAR + later - month


def month_after(first: str, months: int) -> str:
    """Return the month so many months after another.

    Parameters
    ----------
    first
        Month, ``YYYY-MM``.
    months
        Months from it on, >= 0.
    """
    year, month = (int(part) for part in first.split("-"))
    index = year * _MONTHS_PER_YEAR + month - 1 + months
    return f"{index // _MONTHS_PER_YEAR:04d}-{index % _MONTHS_PER_YEAR + 1:02d}"


class Spot(Section):
    """What is assumed about spot nodes, on which only work that waits runs."""

    interruptions_per_h: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Where an offer states none: how often a node is taken away."""
    lost_work_minutes: Annotated[float, Field(ge=0, le=1440)] = 5.0
    """Work in flight that is lost with it, beside the start-up time of its successor."""
    max_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Most of the accelerators of batch replicas that may be spot, in every block."""


class Supply(Section):
    """Who may supply hardware and tokens, and on what terms."""

    tenures: list[Tenure] = ["on_demand", "api"]
    providers: list[str] = []
    """Empty: all."""
    quotas: list[Quota] = []
    existing: list[ExistingNodes] = []
    spot: Spot = Spot()
    """Assumptions about spot nodes and a cap on their share."""
    site: str = "default"
    """Site of owned hardware: power price, PUE, colocation, staff and carbon of the grid in
    sites.csv. What it does not state comes from the site ``default``, but the carbon does not: the
    grid of one place says nothing of another's."""
    electricity_usd_per_kwh: PricePerKwh | DayOfPrices | None = None
    """Power price of the site instead of that of sites.csv: one, or one for each hour of the day
    from 00:00 on."""
    staff: Staff = Staff()
    """People that owned and rented nodes and tokens need, instead of those of sites.csv."""
    servers: list[str] = []
    """Servers of servers.csv that may be bought; empty: all with known costs."""
    price_change_per_year: PriceChanges = PriceChanges()
    """Of everything that no item of `price_paths` is for."""
    price_paths: list[PricePath] = []
    """How single prices move; the item with the narrowest name that fits counts."""
    api_limits: list[ApiLimit] = []
    """Rate limits of token providers; they bind on the planned rate."""
    provisioned: list[ProvisionedUnits] = []
    """Units of token throughput that may be bought; figures are the user's."""
    volume_discounts: list[VolumeDiscount] = []
    """Discounts that grow with what is rented from a provider by the hour."""
    capacity_blocks: list[CapacityBlock] = []
    """Nodes that may be reserved for a dated window."""
    order_minimums: list[OrderMinimum] = []
    """Least nodes of orders of reservations and servers."""
    spend_commitments: list[SpendCommitment] = []
    """Spending by the hour that may be promised to providers, for lower rates on demand."""
    round_trip_ms: dict[str, NonNegative] = {}
    """Time on the way to the users and back, by region, provider or `default`: taken off the
    limits on the time to the first token and to the end."""
    software_usd_per_accelerator_hour: dict[str, UsdPerHour] = {}
    """Licences of what replicas run, by engine, hardware or `default`, for every hour of their
    accelerators; what an engine and hardware state adds up."""
    api_latency: Literal["require", "assume_met"] = "require"
    """Whether an API offer without stated latency may serve a workload with a latency limit."""
    max_price_age_days: Count = 365
    """Older prices, counted back from the start of the horizon, are not used."""


class Budget(Section):
    """Most money by kind, for every period or one figure for each; nominal, before resale."""

    cash: NonNegative | list[NonNegative] | None = None
    """Everything that is paid."""
    capex: NonNegative | list[NonNegative] | None = None
    """Servers and their network."""
    opex: NonNegative | list[NonNegative] | None = None
    """Everything else."""


class HorizonBudget(Section):
    """Most money by kind over the horizon; nominal, before resale."""

    cash: NonNegative | None = None
    """Everything that is paid."""
    capex: NonNegative | None = None
    """Servers and their network."""
    opex: NonNegative | None = None
    """Everything else."""


class LimitSection(Section):
    """Budgets and physical limits."""

    @property
    def budgets_of_horizon(self) -> HorizonBudget:
        """Most money over the horizon by kind."""
        stated = self.budget_usd
        return stated if isinstance(stated, HorizonBudget) else HorizonBudget(cash=stated)

    budget_usd_per_period: NonNegative | list[NonNegative] | Budget | None = None
    """Most cash by period, as one figure, one for each period, or apart by kind."""
    budget_usd: NonNegative | HorizonBudget | None = None
    """Most cash over the horizon, as one figure, or apart by kind."""
    power_kw: NonNegative | None = None
    """Most IT power of owned nodes at any time, those that are there already included."""
    owned_nodes: Annotated[int, Field(ge=0)] | None = None
    """Most owned nodes that the site has space for at any time, those that are there included."""
    carbon_kg_per_period: NonNegative | list[NonNegative] | None = None
    """Most carbon of the electricity of nodes by period, kg of CO2 equivalent: one figure, or one
    for each period. Nodes whose power or grid is not known are then refused."""
    api_carbon: Literal["refuse", "ignore"] = "refuse"
    """Tokens, whose carbon nobody states: refused where carbon is limited, or left out of it."""

"""Sections of a problem about your own contracts: what is committed beyond nodes of a term."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.problem.section import (
    Count,
    Fraction,
    Month,
    Name,
    Nodes,
    PositiveUsd,
    PositiveUsdPerHour,
    Section,
    Usd,
    UsdPerHour,
)

Discount = Annotated[float, Field(gt=0, lt=1)]


class CoveredUse(Section):
    """On-demand nodes that a spend commitment covers, and at which rate."""

    hardware: str | None = None
    """Accelerator; absent: any."""
    instance: str | None = None
    region: str | None = None
    discount: Discount | None = None
    """Fraction off the on-demand price, instead of that of the commitment."""
    usd_per_node_hour: PositiveUsdPerHour | None = None
    """Rate of a node that is fixed for the term, instead of a discount."""


class SpendTier(Section):
    """A step of a spend commitment: the discount of promises from a threshold up to the next."""

    from_usd_per_hour: PositiveUsdPerHour
    """Least promise at a time."""
    discount: Discount
    """Fraction off the on-demand price of everything that is covered."""


class SpendCommitment(Section):
    """Spending that is promised to a provider by the hour, for lower rates on demand.

    Names such as savings plan or committed use discount mean this. Nodes are neither reserved nor
    named: in every hour, covered nodes are billed at the lower rates until the commitment is used
    up, and at the on-demand price beyond it.
    """

    name: Name
    provider: Name
    term_months: Count | None = None
    """Months for which spending may be promised, from the start of a period."""
    committed_usd_per_hour: PositiveUsdPerHour | None = None
    """What is promised already, instead of a term: it stays, used or not."""
    until: Month | None = None
    """First month without what is promised already."""
    usd_per_month: Usd | None = None
    """What is still due for it each month; absent: all of it."""
    discount: Discount | None = None
    """Fraction off the on-demand price of covered nodes."""
    tiers: Annotated[list[SpendTier], Field(min_length=1, max_length=8)] | None = None
    """Discounts that grow with what is promised, instead of one; thresholds and discounts rise."""
    tiers_of: Name | None = None
    """Item with the tier that what is promised already is of: while it runs, what is promised
    beside it adds to it in that tier, and no other tier is in use."""
    covers: list[CoveredUse] = []
    """What is covered; the first item that fits a node counts. Empty: all on-demand nodes."""
    min_usd_per_hour: UsdPerHour = 0.0
    """Least commitment at a time; none at all is always possible."""
    max_usd_per_hour: PositiveUsdPerHour | None = None
    """Most commitment at a time."""
    upfront_share: Fraction = 0.0
    """Share that is paid at the start of the term."""


class CapacityBlock(Section):
    """Nodes that may be reserved for a dated window, paid in advance unless said otherwise."""

    name: Name
    provider: Name
    hardware: str
    accelerators_per_node: Nodes
    since: Month
    """First month with them; a period begins with it."""
    until: Month
    """First month without them; a period begins with it, or it lies after the horizon."""
    max_nodes: Nodes
    """Most nodes that can be had."""
    min_nodes: Nodes = 1
    """Least nodes of the block; none at all is always possible."""
    usd_per_node_hour: PositiveUsdPerHour | None = None
    """Your price; absent: that of the capacity block in offers.csv."""
    instance: str | None = None
    """Instance, where the catalogue has several with such nodes."""
    region: str = "any"
    upfront_share: Fraction = 1.0
    """Share that is paid at the start of the window."""


class OrderMinimum(Section):
    """Least nodes of an order: nodes of one offer that are taken on for a term from one month on.

    None at all is always possible. Where several items count an order, the largest holds.
    """

    name: Name
    min_nodes: Nodes
    """Least nodes that start together."""
    tenures: Annotated[
        list[Literal["reserved_1y", "reserved_3y", "owned"]], Field(min_length=1)
    ] = ["reserved_1y", "reserved_3y"]
    """Orders that count; `owned` for servers that are bought."""
    provider: Name | None = None
    """Whose reservations count; absent: all."""
    hardware: str | None = None
    """Accelerator of the nodes that count; absent: any."""
    instance: str | None = None
    """Instance, or server of servers.csv."""
    region: str | None = None


class VolumeTier(Section):
    """A threshold of a volume discount, in exactly one unit, and what holds from it on."""

    from_usd_per_month: PositiveUsd | None = None
    """Spending of a month, before volume discounts."""
    from_mtok_per_month: Annotated[float, Field(gt=0, le=1e10)] | None = None
    """Millions of tokens of a month, input (cached or not) and output together."""
    from_nodes: Annotated[int, Field(ge=2, le=1_000_000)] | None = None
    """Nodes whose terms start together."""
    discount: Discount
    """Fraction off the price of what the tier applies to."""


class VolumeDiscount(Section):
    """A discount that grows with what is bought from a provider.

    What counts is rented nodes and tokens of a month, by what they cost; or tokens of a month by
    their number; or reserved nodes whose terms start together, by their number.
    """

    name: Name
    provider: Name
    tenures: Annotated[
        list[Literal["on_demand", "spot", "api", "reserved_1y", "reserved_3y"]],
        Field(min_length=1),
    ] = ["on_demand"]
    """What counts, and is discounted; reservations stand alone."""
    hardware: str | None = None
    """Accelerator of the nodes that count; absent: any."""
    instance: str | None = None
    region: str | None = None
    model: str | None = None
    """Model of the tokens that count; absent: all models of the provider together."""
    applies_to: Literal["part_above", "all"] = "part_above"
    """`part_above`: a tier holds for the part of the spending from its threshold up to the next
    one. `all`: the highest tier that is reached holds for everything that counts."""
    tiers: Annotated[list[VolumeTier], Field(min_length=1, max_length=8)]
    """Thresholds and discounts, both rising."""

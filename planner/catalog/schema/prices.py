"""Prices: nodes for rent, tokens of hosted models, discounts of a contract, prices of the past."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from planner.catalog.schema.row import (
    Count,
    Fraction,
    Key,
    NonNegative,
    PartialDate,
    Positive,
    Row,
)
from planner.units import MINUTES_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

PER_ACCELERATOR = "usd_per_accelerator_hour"
_ROUNDED = 1e-3
"""How far a computed figure may be off, relative: sheets round what they show."""


def _some_time(text: str) -> str:
    start, end = text.split("-")
    if start == end:
        message = f"`{text}` starts and ends at once; leave it blank for the whole day"
        raise ValueError(message)
    return text


def _is_close(stated: str, value: float) -> bool:
    try:
        return math.isclose(float(stated), value, rel_tol=_ROUNDED)
    except ValueError:
        return False


ANY = "any"
"""A discount cell that leaves open what the discount is for."""
Hours = Annotated[
    str,
    Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"),
    AfterValidator(_some_time),
]
"""`HH:MM-HH:MM`, start inclusive and end exclusive."""


class Offer(Row):
    """A node that can be rented: one price of one provider for one shape."""

    key_fields: ClassVar[tuple[str, ...]] = (
        "provider",
        "instance",
        "region",
        "tenure",
        "plan",
        "valid_from",
    )
    listed_only: ClassVar[tuple[str, ...]] = (PER_ACCELERATOR, *Row.listed_only)

    provider: Key
    instance: Key
    region: Key
    tenure: Literal["on_demand", "spot", "reserved_1y", "reserved_3y", "capacity_block"]
    plan: Key | None = None
    """Commercial plan that tells apart offers of one tenure, such as `savings-plan`."""
    accelerator: Key
    accelerators: Count
    """Accelerators in one node."""
    price_usd_per_hour: Positive
    """Price of the whole node per hour."""
    valid_from: PartialDate
    """First day the price applies (inclusive)."""
    valid_to: PartialDate | None = None
    """First day the price no longer applies (exclusive)."""
    startup_minutes: NonNegative | None = None
    min_billing_minutes: NonNegative | None = None
    elastic_max_nodes: Count | None = None
    """Nodes beyond the all-day minimum that the offer can be expected to add within a day."""
    evidence: Literal["quoted", "estimated"] = "quoted"
    """`estimated`: an older ratio to on-demand times the on-demand price; `notes` says which."""
    term_months: Count | None = None
    upfront_fraction: Fraction | None = None
    commits: Literal["capacity", "spend", "both"] | None = None
    interruption_rate_per_h: NonNegative | None = None

    @property
    def offer_id(self) -> str:
        """Identity without the date: a newer row of the same offer replaces an older one."""
        stem = f"{self.provider}:{self.instance}:{self.region}:{self.tenure}"
        return stem if self.plan is None else f"{stem}:{self.plan}"

    @property
    def usd_per_accelerator_hour(self) -> float:
        """Price of the node by accelerator, USD per hour, to six decimals."""
        return round(self.price_usd_per_hour / self.accelerators, 6)

    def contradicted(self, cells: Mapping[str, str]) -> tuple[str, str] | None:
        """Return what is wrong with a stated price by accelerator, which decides nothing."""
        stated, own = cells.get(PER_ACCELERATOR), self.usd_per_accelerator_hour
        if stated is None or _is_close(stated, own):
            return None
        return PER_ACCELERATOR, (
            f"`{stated}` is not price_usd_per_hour / accelerators, which is {own:g}; the column "
            "is computed from these two: change them, and leave it out"
        )

    @property
    def startup_h(self) -> float | None:
        """Start-up time in hours."""
        return None if self.startup_minutes is None else self.startup_minutes / MINUTES_PER_HOUR


class ApiOffer(Row):
    """Tokens of a hosted model: one price of an offer, for some hours and prompt lengths.

    The rows of one offer form its price list. A row with hours prices requests that arrive in
    them, one without prices all other hours; of the rows that apply at an hour, the one with the
    highest `prompt_from_tokens` that the prompt reaches prices the whole request.
    """

    key_fields: ClassVar[tuple[str, ...]] = (
        "provider",
        "model",
        "mode",
        "model_ref",
        "hours_utc",
        "prompt_from_tokens",
        "valid_from",
    )

    provider: Key
    model: Key
    model_ref: str
    """The provider's own name of the model."""
    mode: Literal["standard", "batch"]
    input_usd_per_mtok: NonNegative
    cached_input_usd_per_mtok: NonNegative | None = None
    output_usd_per_mtok: NonNegative
    hours_utc: Hours | None = None
    """Hours of the day in which the price applies; may wrap midnight."""
    prompt_from_tokens: Annotated[int, Field(ge=0)] = 0
    """Least prompt length that this price is for, in tokens."""
    quantization: Key | None = None
    """Number format the provider states; blank when it states none."""
    weights: Literal["open", "closed", "unmodelled"] = "open"
    """`closed`: a hosted reference model; `unmodelled`: open, with an architecture that
    models.csv cannot describe. Neither needs a row there."""
    ttft_p99_ms: Positive | None = None
    tpot_p99_ms: Positive | None = None
    valid_from: PartialDate
    valid_to: PartialDate | None = None

    @property
    def offer_id(self) -> str:
        """Identity without the date."""
        return f"{self.provider}:{self.model_ref}:{self.mode}"


class Discount(Row):
    """A discount off list prices, agreed with one provider.

    Of the discounts that match an offer on a day, the one that names most of its item, region and
    tenure applies; they never add up.
    """

    key_fields: ClassVar[tuple[str, ...]] = (
        "provider",
        "item",
        "region",
        "tenure",
        "valid_from",
    )

    provider: Key
    item: Key = ANY
    """Instance, or the provider's name of a hosted model; `any` for all."""
    region: Key = ANY
    """Region of nodes; tokens have none."""
    tenure: Literal[
        "any", "on_demand", "spot", "reserved_1y", "reserved_3y", "capacity_block", "api"
    ] = "any"
    """`any` stands for every tenure of nodes; tokens are named as `api`."""
    discount_fraction: Annotated[float, Field(gt=0, lt=1)]
    """Share of the list price that is not paid."""
    valid_from: PartialDate
    valid_to: PartialDate | None = None
    """First day the discount no longer applies."""


class PricePoint(Row):
    """A price that was read on a day."""

    key_fields: ClassVar[tuple[str, ...]] = ("series", "item", "seller", "date", "variant")

    series: Key
    item: Key
    seller: str = ""
    variant: str = ""
    date: PartialDate
    usd: Positive
    unit: Key
    trend: Key | None = None
    """Row of price_trends.csv that is fitted to this price, if any."""


class PriceTrend(Row):
    """Annual rate of a price: ln(usd) over years, one level per item, seller and series."""

    id: Key
    points: Count
    groups: Count
    log_rate_per_year: float
    log_rate_se: NonNegative
    annual_change: float
    """exp(rate) - 1; the low and high change are two standard errors to either side."""
    annual_change_low: float
    annual_change_high: float

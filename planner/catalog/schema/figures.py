"""Single figures of systems, servers and sites, each with a source of its own."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from planner.catalog.schema.row import Key, NonNegative, PartialDate, Row

ELECTRICITY = "electricity_usd_per_kwh"
SERVER_PRICE = "capex_usd"
_HOURS = re.compile(r"([01]\d|2[0-3]):00-([01]\d|2[0-3]):00")
QUANTITIES = {
    "systems": (
        "chips",
        "memory_gb",
        "bandwidth_gb_per_s",
        "bf16_tflops",
        "int8_tops",
        "power_w",
        "capex_usd",
        "token_price_provider",
        "decode_tokens_per_s_per_user",
        "decode_tokens_per_s_per_system",
        "concurrent_requests_per_system",
        "prefill_tokens_per_s_per_system",
    ),
    "servers": (
        "accelerators",
        "capex_usd",
        "it_power_w",
        "board_power_load_fraction",
        "life_months",
        "residual_fraction",
        "resale_fraction_36_months",
        "resale_ratio_per_year",
        "used_price_usd",
        "network_capex_fraction",
        "support_fraction_per_year",
        "software_usd_per_accelerator_year",
        "lead_time_weeks",
    ),
    "sites": (
        ELECTRICITY,
        "pue",
        "colocation_usd_per_kw_month",
        "staff_fte",
        "staff_usd_per_fte_year",
        "carbon_g_per_kwh",
    ),
}
"""What a table of figures may state, with the unit at the end."""


class Figure(Row):
    """One figure of a system, server or site, with a source of its own."""

    key_fields: ClassVar[tuple[str, ...]] = ("id", "quantity", "case")

    id: Key
    quantity: Key
    """What the figure is, with its unit at the end; `QUANTITIES` lists them by table."""
    case: str = ""
    """Model (`MODEL/FORMAT` where the number format matters), accelerator or provider that the
    figure is about, where it is about one; hours of the day, as `07:00-23:00`, of a price of
    electricity that does not hold all day."""
    value: NonNegative | None = None
    """Blank when looked for and not found; `notes` then says so."""
    low: NonNegative | None = None
    high: NonNegative | None = None

    @field_validator("case")
    @classmethod
    def _names_hours(cls, case: str, info: ValidationInfo) -> str:
        if info.data.get("quantity") != ELECTRICITY or not case:
            return case
        hours = _HOURS.fullmatch(case)
        if hours is None or hours[1] == hours[2]:
            kind = "hours"
            raise PydanticCustomError(kind, "use whole hours of the day, as 07:00-23:00")
        return case


class ServerFigure(Figure):
    """One figure of a server; its price may have several rows, each from a day on."""

    key_fields: ClassVar[tuple[str, ...]] = (*Figure.key_fields, "valid_from")

    valid_from: PartialDate | None = None
    """First day on which a price (`capex_usd`) applies (inclusive); blank for the price before
    any of these days, and for every other figure."""

    @property
    def key(self) -> tuple[str, ...]:
        """Primary key; that of a row without a date has no part for it."""
        parts = super().key
        return parts if self.valid_from else parts[:-1]

    @property
    def facts(self) -> dict[str, Any]:
        """Every column with what it holds, the date only where there is one."""
        return self.model_dump(exclude=None if self.valid_from else {"valid_from"})

    @field_validator("valid_from")
    @classmethod
    def _is_of_a_price(cls, day: str | None, info: ValidationInfo) -> str | None:
        if day is not None and info.data.get("quantity") != SERVER_PRICE:
            kind = "dated"
            text = f"only {SERVER_PRICE} has a price by date; leave it blank"
            raise PydanticCustomError(kind, text)
        return day

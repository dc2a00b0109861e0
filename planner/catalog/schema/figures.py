"""Single figures of systems, servers and sites, each with a source of its own."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from planner.catalog.schema.row import Key, NonNegative, Row

ELECTRICITY = "electricity_usd_per_kwh"
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

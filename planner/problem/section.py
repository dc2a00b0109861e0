"""Base of the sections of a problem file, and the types of their values."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _whole(value: object) -> object:
    # A literal compares by value, and true == 1 == 1.0 in Python.
    if isinstance(value, bool | float):
        kind = "int_type"
        raise PydanticCustomError(kind, "not a whole number")
    return value


Whole = BeforeValidator(_whole)
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Tokens = Annotated[float, Field(ge=1, le=1e8)]
Fraction = Annotated[float, Field(ge=0, le=1)]
HitRate = Annotated[float, Field(ge=0, lt=1)]
CurvePoint = Annotated[list[NonNegative], Field(min_length=2, max_length=2)]
Count = Annotated[int, Field(ge=1)]
MAX_USD = 1e10
"""Most that is paid for one thing at once or in a month: beyond it, figures of ordinary size next
to it are lost in the rounding of the program."""
Usd = Annotated[float, Field(ge=0, le=MAX_USD)]
PositiveUsd = Annotated[float, Field(gt=0, le=MAX_USD)]
UsdPerHour = Annotated[float, Field(ge=0, le=1e6)]
"""Of a node, a unit, an accelerator or a promise of spending."""
PositiveUsdPerHour = Annotated[float, Field(gt=0, le=1e6)]
People = Annotated[float, Field(ge=0, le=1e4)]
"""Full-time equivalents."""
Nodes = Annotated[int, Field(ge=1, le=1_000_000)]
"""Nodes, units, or accelerators of a node."""
Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Month = Annotated[str, Field(pattern=r"^20\d{2}-(0[1-9]|1[0-2])$")]
GrowthFactor = Annotated[float, Field(gt=0, le=100)]
Growth = GrowthFactor | list[GrowthFactor]
Unplanned = Any
"""Value of a field that a later version plans; anything but its default is refused."""


class Section(BaseModel):
    """Base of every section: unknown keys are refused, values are never converted silently."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

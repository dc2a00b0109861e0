"""Shapes of demand: rates by hour, lengths of prompts and outputs."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from planner.catalog.schema.row import Fraction, Key, NonNegative, Positive, Row


class ProfilePoint(Row):
    """One hour of a demand profile."""

    key_fields: ClassVar[tuple[str, ...]] = ("profile", "hour")

    profile: Key
    hour: Annotated[int, Field(ge=0, le=167)]
    multiplier: NonNegative


class LengthCell(Row):
    """One cell of a joint histogram of prompt and output lengths."""

    key_fields: ClassVar[tuple[str, ...]] = ("lengths", "cell")

    lengths: Key
    cell: Annotated[int, Field(ge=0)]
    isl_tokens: Positive
    """Mean prompt length of the requests in the cell."""
    osl_tokens: Positive
    """Mean output length of the requests in the cell."""
    probability: Fraction

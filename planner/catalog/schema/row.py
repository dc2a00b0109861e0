"""What every row of a catalogue table has: a key, a source and a date.

Cells are blank when the fact is unknown; unknown is ``None``, never 0. Dates are YYYY, YYYY-MM or
YYYY-MM-DD; missing parts read as the earliest day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from planner.catalog.dates import parse_partial_date

if TYPE_CHECKING:
    from collections.abc import Mapping

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Key = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+@-]*$")]


def _calendar_day(text: str) -> str:
    parse_partial_date(text)
    return text


PartialDate = Annotated[
    str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"), AfterValidator(_calendar_day)
]


class Record(BaseModel):
    """A row of a CSV table with a key that is unique in it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    key_fields: ClassVar[tuple[str, ...]] = ("id",)
    listed_only: ClassVar[tuple[str, ...]] = ()
    """Columns that lists compute. A table may hold them, so that listed rows can be pasted."""

    def contradicted(self, cells: Mapping[str, str]) -> tuple[str, str] | None:
        """Return the first computed column that says otherwise than the row, and what is wrong.

        Parameters
        ----------
        cells
            Computed columns as they are stated, by name.
        """
        return None

    @property
    def key(self) -> tuple[str, ...]:
        """Primary key, the parts as text; a blank part is empty."""
        parts = (getattr(self, name) for name in self.key_fields)
        return tuple("" if part is None else str(part) for part in parts)

    @property
    def label(self) -> str:
        """The key as a reader writes it: parts joined by a colon, defaults left out."""
        fields = type(self).model_fields
        stated = [n for n in self.key_fields if getattr(self, n) != fields[n].default]
        return ":".join(str(getattr(self, name)) for name in stated)


class Row(Record):
    """A row of the catalogue: a row of a later overlay folder with the same key replaces it."""

    listed_only: ClassVar[tuple[str, ...]] = ("publisher",)
    source: Annotated[str, Field(min_length=1)]
    """Where the figures come from: publisher, page or repository file at a commit."""
    as_of: PartialDate
    """Date at which the source held."""
    notes: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """Every column with what it holds, for the checksum of a catalogue."""
        return self.model_dump()

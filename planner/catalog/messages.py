"""Sentences for values a table does not accept: the value, what is accepted, a near miss."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.catalog.schema import TABLES
from planner.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pydantic_core import ErrorDetails

    from planner.catalog.load import Catalog
    from planner.errors import Fault

_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
_DATE_FORM = "write a date as YYYY, YYYY-MM or YYYY-MM-DD"
_HOURS_FORM = "write hours as HH:MM-HH:MM in UTC, such as 22:00-06:30"
_KEY_FORM = (
    "a key starts with a letter or digit and holds only letters, digits and `. _ : / + @ -`, "
    "no spaces"
)
_FORMS = {
    "^[0-9]": _DATE_FORM,
    "^([01]": _HOURS_FORM,
    "^[1-9]": "write whole numbers above 0, separated by one space",
}
"""What a cell looks like by the beginning of its pattern; any other pattern is that of a key."""

_LISTING = re.compile(r"`(planner catalog list \w+)`")
"""How a message about an unknown name says what lists the known ones."""
_FEW = 12
"""Values of a column that are listed when none of them comes near."""


def sentence(error: ErrorDetails) -> str:
    """Return what is wrong with one cell and what it would accept.

    Parameters
    ----------
    error
        One error of a row's validation; its input is the text of the cell.
    """
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        return "is blank, and a value is required"
    if kind in _BOUNDS:
        word, limit = _BOUNDS[kind]
        return f"`{value}` is out of range; it must be {word} {context[limit]}"
    if kind == "literal_error":
        expected = str(context["expected"])
        names = [name.strip("' ") for name in expected.replace(" or ", ",").split(",")]
        return f"`{value}` is not accepted; use {expected}{did_you_mean(str(value), names)}"
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        forms = (form for start, form in _FORMS.items() if pattern.startswith(start))
        return f"`{value}` is not accepted; {next(forms, _KEY_FORM)}"
    if kind == "value_error":
        return _with_form(str(context["error"]))
    return f"`{value}` {_wrong_type(kind, error['msg'])}"


def listing_command(faults: Iterable[Fault]) -> str:
    """Return the command that lists the first table a fault is about, ``""`` when none is.

    Parameters
    ----------
    faults
        Faults whose path starts with the name of a table, or whose message names the command that
        lists what would be accepted.
    """
    for fault in faults:
        table = fault.path.partition(".")[0]
        if table in TABLES:
            return f"planner catalog list {'hardware' if table == 'accelerators' else table}"
        named = _LISTING.search(fault.message)
        if named is not None:
            return named[1]
    return ""


def no_such_value(kind: str, comparison: str, value: str, known: Collection[object]) -> str:
    """Return that no row of a table meets a condition, with what comes near it.

    Parameters
    ----------
    kind
        Table as the reader called it.
    comparison, value
        The condition: column with sign, and value, as the reader wrote them.
    known
        What the column holds, or may be called.
    """
    distinct = sorted({str(one) for one in known})
    numbers = [n for n in known if isinstance(n, int | float) and not isinstance(n, bool)]
    if numbers:
        return f"no row of {kind} has {comparison}{value}; it is {min(numbers)} to {max(numbers)}"
    hint = did_you_mean(value, distinct) or did_you_mean(value.casefold(), distinct)
    if not hint and 0 < len(distinct) <= _FEW:
        hint = f"; it holds {', '.join(f'`{text}`' for text in distinct)}"
    return f"no row of {kind} has {comparison}{value}{hint}"


def means(catalog: Catalog, name: str) -> str | None:
    """Return which accelerator an alias stands for and which others go by the same name.

    Parameters
    ----------
    catalog
        Its names of accelerators.
    name
        Name in any case; ``None`` is returned for an id, and for a name nobody uses.
    """
    stands_for = catalog.resolve_accelerator(name)
    if stands_for is None or stands_for == name.strip().casefold():
        return None
    generation = _generation(stands_for)
    others = [
        row.id
        for row in catalog.accelerators
        if row.id != stands_for and _generation(row.id) == generation
    ]
    forms = f"; other forms are {', '.join(others)}" if others else ""
    return f"`{name}` means {stands_for}{forms}"


def _generation(accelerator: str) -> str:
    """Return the beginning of an id up to the first part with a digit: `a100`, `tpu-v5e`."""
    match = re.match(r"[^0-9]*[0-9][^-]*", accelerator)
    return accelerator if match is None else match[0]


def _with_form(message: str) -> str:
    """Add the form of a date to what is wrong with one; other sentences name their way out."""
    return f"{message}; {_DATE_FORM}" if "calendar" in message else message


def _wrong_type(kind: str, fallback: str) -> str:
    if kind.startswith("int"):
        return "is not a whole number"
    if kind.startswith(("float", "finite")):
        return "is not a finite number; use a point for decimals and no thousands separator"
    if kind.startswith("bool"):
        return "is neither true nor false"
    return f"is not accepted: {fallback}"

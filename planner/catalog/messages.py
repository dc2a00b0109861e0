"""Sentences for values a table does not accept: the value, what is accepted, a near miss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
_DATE_FORM = "write a date as YYYY, YYYY-MM or YYYY-MM-DD"
_KEY_FORM = (
    "a key starts with a letter or digit and holds only letters, digits and `. _ : / + @ -`, "
    "no spaces"
)


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
        is_date = str(context["pattern"]).startswith("^[0-9]")
        return f"`{value}` is not accepted; {_DATE_FORM if is_date else _KEY_FORM}"
    if kind == "value_error":
        return f"{context['error']}; {_DATE_FORM}"
    return f"`{value}` {_wrong_type(kind, error['msg'])}"


def _wrong_type(kind: str, fallback: str) -> str:
    if kind.startswith("int"):
        return "is not a whole number"
    if kind.startswith(("float", "finite")):
        return "is not a finite number; use a point for decimals and no thousands separator"
    if kind.startswith("bool"):
        return "is neither true nor false"
    return f"is not accepted: {fallback}"

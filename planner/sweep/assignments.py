"""What a sweep varies: ``PATH=a,b,c`` lists values, ``PATH=low..high`` is a range of numbers.

A value is what ``planner solve --set`` takes, so lists in brackets and text in quotes keep their
commas. A path with one value is set in every run. ``KIND FILTER... COLUMN*=a,b,c`` are factors on
a figure of the rows that ``planner catalog list KIND FILTER...`` lists.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.catalog.scale import Selection
from planner.errors import Fault, InputError
from planner.problem.load import NEXT_STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPENING, _CLOSING, _QUOTES = "[{", "]}", "\"'"
_BEFORE_A_VALUE = ("", "[", "{", ",", ":")
"""What a quote has to follow to begin a text; elsewhere it is a letter like any other."""
_RANGE = re.compile(r"\s*([-+0-9._eE]+?)\s*\.\.\s*([-+0-9._eE]+)\s*")
_DIGITS = 6
"""Significant digits of a number taken from a range, so that it reads well in a table."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two ends; whole ones when both ends are written as whole numbers.

    Parameters
    ----------
    low, high
        Ends, ``low < high``; whole numbers include both.
    is_whole
        Whether only whole numbers are meant.
    """

    low: float
    high: float
    is_whole: bool

    def at(self, quantile: float) -> str:
        """Return the number at a share of the range in [0, 1), as text."""
        if self.is_whole:
            count = int(self.high) - int(self.low) + 1
            return str(int(self.low) + min(math.floor(quantile * count), count - 1))
        value = self.low + quantile * (self.high - self.low)
        return f"{float(f'{value:.{_DIGITS}g}')!r}"


@dataclass(frozen=True, slots=True)
class Variable:
    """A path of the problem with its values.

    Parameters
    ----------
    path
        As in ``--set``.
    values
        As written, in order; empty when there is a range.
    range
        Range of numbers, ``None`` when values are listed.
    selection
        Figure of the catalogue that the values are factors on; ``None`` for a path of the problem.
    """

    path: str
    values: tuple[str, ...]
    range: Range | None = None
    selection: Selection | None = None

    @property
    def is_swept(self) -> bool:
        """Whether runs differ in it."""
        return self.range is not None or len(self.values) > 1

    def at(self, quantile: float) -> str:
        """Return the value at a share in [0, 1) of the range, or of the list in its order."""
        if self.range is not None:
            return self.range.at(quantile)
        return self.values[math.floor(quantile * len(self.values))]


def read_variables(
    stated: Sequence[str], scales: Sequence[str] = (), *, ranges: bool
) -> tuple[Variable, ...]:
    """Return what is set, scaled and swept, in the order given.

    Parameters
    ----------
    stated
        ``PATH=VALUE``, ``PATH=VALUE,VALUE,...`` or ``PATH=LOW..HIGH``.
    scales
        The same with ``KIND FILTER... COLUMN*=`` before the values, which are factors above 0.
    ranges
        Whether the design can sample ranges.

    Raises
    ------
    InputError
        With everything that is no assignment, stands twice, or is a range where lists are needed;
        or when nothing is swept.
    """
    variables, faults = scan_variables(stated, scales, ranges=ranges)
    if faults:
        raise InputError(faults, NEXT_STEP)
    return variables


def scan_variables(
    stated: Sequence[str], scales: Sequence[str] = (), *, ranges: bool
) -> tuple[tuple[Variable, ...], list[Fault]]:
    """Return what is right of what is set, scaled and swept, and the faults of the rest.

    Parameters
    ----------
    stated, scales, ranges
        As in :func:`read_variables`.
    """
    variables: list[Variable] = []
    faults: list[Fault] = []
    for option, texts, read in (("--set", stated, _read), ("--scale", scales, _read_scale)):
        for text in texts:
            try:
                variables.append(read(text, ranges))
            except ValueError as error:
                faults.append(Fault(f"{option} {text}", None, None, "", str(error)))
    first = {variable.path: variable for variable in reversed(variables)}
    paths = [variable.path for variable in variables]
    for path in sorted(path for path in first if paths.count(path) > 1):
        message = f"`{path}` stands twice; list all its values in one place"
        faults.append(Fault("", None, None, "", message))
    if not faults and not any(v.is_swept for v in variables):
        message = "nothing is swept: list several values for a path, as in --set PATH=a,b,c"
        faults.append(Fault("", None, None, "--set", message))
    return tuple(v for v in variables if first[v.path] is v), faults


def number_of(value: str | None) -> float | None:
    """Return the number that a value states, ``None`` when it states none."""
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _read(text: str, ranges: bool) -> Variable:
    path, separator, listed = text.partition("=")
    path = path.strip()
    if not separator or "" in path.split("."):
        message = f"`{text}` is not an assignment; write PATH=a,b,c with dots in the path"
        raise ValueError(message)
    found = _RANGE.fullmatch(listed)
    if found:
        return Variable(path, (), _range(found[1], found[2], ranges))
    values = _values(listed)
    if "" in values and len(values) > 1:
        message = "a value between commas is empty; write null for none"
        raise ValueError(message)
    repeated = sorted({v for v in values if values.count(v) > 1})
    if repeated:
        message = f"{', '.join(f'`{v}`' for v in repeated)} stands twice; list each value once"
        raise ValueError(message)
    return Variable(path, tuple(values))


def _read_scale(text: str, ranges: bool) -> Variable:
    head, separator, listed = text.partition("*=")
    words = shlex.split(head)
    if not separator or len(words) < 2:  # noqa: PLR2004 - a table and a column
        message = (
            f"`{text}` is not a scale; write the table, filters and column, then factors, as in "
            "offers accelerator=h100-sxm-80gb price_usd_per_hour*=0.8,1.2"
        )
        raise ValueError(message)
    kind, *filters, column = words
    plain = _read(f"factor={listed}", ranges)
    numbers = [plain.range.low] if plain.range else [number_of(v) or 0.0 for v in plain.values]
    if min(numbers) <= 0.0:
        message = f"`{listed}` has to be factors above 0"
        raise ValueError(message)
    selection = Selection(kind, tuple(filters), column)
    return replace(plain, path=str(selection), selection=selection)


def _range(low: str, high: str, ranges: bool) -> Range:
    if not ranges:
        message = (
            f"`{low}..{high}` is a range, which only --design latin-hypercube samples; list the "
            "values, as in a,b,c"
        )
        raise ValueError(message)
    try:
        ends = float(low), float(high)
    except ValueError:
        message = f"`{low}..{high}` is no range of numbers"
        raise ValueError(message) from None
    if not (math.isfinite(ends[0]) and math.isfinite(ends[1]) and ends[0] < ends[1]):
        message = f"`{low}..{high}` is no range: it has to rise from its first to its second end"
        raise ValueError(message)
    return Range(*ends, is_whole=all(re.fullmatch(r"[-+]?[0-9_]+", end) for end in (low, high)))


def _values(text: str) -> list[str]:
    """Return the parts of a list, which commas outside brackets and quotes separate."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES and parts[-1].rstrip()[-1:] in _BEFORE_A_VALUE:
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        if character == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    if depth or quote:
        message = f"`{text}` has a bracket or quote that is not closed"
        raise ValueError(message)
    return [part.strip() for part in parts]

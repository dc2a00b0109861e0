"""A calibration as rows of calibration.csv, and as the text of an overlay.

A combination states every parameter that a calibration could move, with factor 1 where this one
did not: of two calibrations of one combination the later replaces the earlier as a whole. Its
``throughput_factor`` and ``sigma_ln_time`` are values, the rest multiply what is shipped.
Parameters that no point reached (all-reduces of single accelerators) stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from planner.catalog.schema import Calibration, Row
from planner.evaluate.calibration.moves import (
    MOVES,
    THROUGHPUT_FACTOR,
    factors_of,
    field_of,
)
from planner.perf.spec import StepParameters
from planner.yaml_io import yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.evaluate.calibration.combination import Combination
    from planner.evaluate.calibration.moves import Move

_DIGITS = 6
"""Significant digits that are written: differences below are far below any error."""
_UNITS = {"_us": 1e6, "_ms": 1e3}
_OF_GROUPS = frozenset({"a_ar_us"})
_OF_EXPERTS = frozenset({"c_moe_us", "e_c_moe", "e_m_moe"})
_FIELDS = frozenset(f.name for f in fields(StepParameters))


@dataclass(frozen=True, slots=True)
class Moved:
    """A parameter before and after.

    Parameters
    ----------
    parameter
        Name in calibration.csv.
    shipped, calibrated
        Value for the combination, in the unit of its name.
    factor
        Ratio of the two.
    """

    parameter: str
    shipped: float
    calibrated: float
    factor: float


def moved_parameters(
    combination: Combination, moves: Sequence[Move], ln: Sequence[float], catalog: Catalog
) -> tuple[Moved, ...]:
    """Return every parameter that a calibration states, moved or not.

    Parameters
    ----------
    combination
        What was calibrated.
    moves, ln
        What was moved, and the logarithms of the factors.
    catalog
        Its table of calibration says which parameters there are.
    """
    stated = {row.parameter for row in catalog.calibration}
    factors = factors_of(moves, ln)
    case = combination.points[0].case
    found = []
    for name in (name for move in MOVES for name in move.parameters if name in stated):
        if name == THROUGHPUT_FACTOR:
            shipped = case.trust.throughput_factor
        elif field_of(name) in _FIELDS:
            shipped = getattr(case.spec.parameters, field_of(name)) * _UNITS.get(name[-3:], 1.0)
        else:
            continue
        reached = name not in _unreached(combination)
        factor = _rounded(factors.get(name, 1.0) if reached else 1.0)
        found.append(Moved(name, _rounded(shipped), _rounded(shipped * factor), factor))
    return tuple(found)


def table_rows(
    combination: Combination,
    parameters: Iterable[Moved],
    sigma_ln: float,
    common: Mapping[str, str],
) -> list[Calibration]:
    """Return the rows of a combination, again for every format that it stands for.

    Parameters
    ----------
    combination
        What was calibrated.
    parameters
        Everything it states.
    sigma_ln
        Its spread.
    common
        Provenance, source, date and notes.
    """
    rows: list[dict[str, object]] = [
        {"parameter": p.parameter, "kind": "value", "value": p.calibrated, "unit": "factor"}
        if p.parameter == THROUGHPUT_FACTOR
        else {"parameter": p.parameter, "kind": "multiplier", "value": p.factor, "unit": "factor"}
        for p in parameters
    ]
    spread = {"parameter": "sigma_ln_time", "kind": "value", "value": _rounded(sigma_ln)}
    rows.append({**spread, "unit": "ln"})
    shared = {"scope": "combination", **common}
    return [
        Calibration.model_validate(row | shared | {"key_id": key})
        for key in combination.keys
        for row in rows
    ]


def overlay_text(rows: Iterable[Calibration], title: str) -> str:
    """Return the text of an overlay with these rows.

    Parameters
    ----------
    rows
        The rows.
    title
        First line, a comment.
    """
    common = list(Row.model_fields)
    columns = [name for name in Calibration.model_fields if name not in common] + common
    stated = (row.model_dump(exclude_none=True) for row in rows)
    table = [{name: cells[name] for name in columns if name in cells} for cells in stated]
    return f"# {title}\n{yaml_text({'calibration': table})}"


def _unreached(combination: Combination) -> frozenset[str]:
    specs = [point.case.spec for point in combination.points]
    alone = all(spec.devices == 1 for spec in specs)
    dense = not specs[0].architecture.is_moe
    return (_OF_GROUPS if alone else frozenset()) | (_OF_EXPERTS if dense else frozenset())


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")

"""What a refit prints, and what it writes to the catalogue.

Spreads are those at which the central interval of 80 % covers four of five rows that the fit did
not see: the 80th percentile of abs(ln(measured / predicted)) over z(0.9).
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from parameters import TIED, Key

from planner.catalog.location import shipped_path
from planner.evaluate.choices import choices_of
from planner.evaluate.compare import Compared
from planner.evaluate.decisions import MEDIAN_CONFIDENCE, decide
from planner.evaluate.slices import SliceErrors, slice_errors

_COVERED = 0.8
_SIDE_Z = NormalDist().inv_cdf((1.0 + _COVERED) / 2.0)
_WIDE_Z = 1.645
"""Low and high are the 5 % and the 95 % quantile of a fitted value."""
_CONFIDENCES = (0.5, 0.8)
_BIASED_LN, _MANY = 0.25, 50
_PARAMETER_DIGITS, _SPREAD_DIGITS = 3, 2
_TTFT = "ttft_ms"
_SPREADS = ("sigma_ln_time", "sigma_ln_ttft")


def show(name: str, compared: Sequence[Compared]) -> None:
    """Print errors by metric, slices with a bias, and decisions."""
    print(f"\n{name}")
    slices = [s for s in slice_errors(compared) if s.errors.n]
    for item in slices:
        if item.name == "all":
            print(f"  {_line(item)}")
    for item in slices:
        if item.errors.n >= _MANY and abs(item.errors.log_bias or 0.0) > _BIASED_LN:
            print(f"  biased slice {item.name}: {_line(item)}")
    for confidence in _CONFIDENCES:
        found = choices_of(decide(compared, confidence), confidence)[0]
        if found.kept is None or found.best_mean is None or found.best_p10 is None:
            continue
        print(
            f"  {found.decisions} decisions at confidence {confidence}: {found.kept:.1%} keep the "
            f"limit, output over the best {found.best_mean:.3f} mean, {found.best_p10:.2f} p10"
        )
    _show_decisions_by_model(compared)


def _show_decisions_by_model(compared: Sequence[Compared]) -> None:
    """Print how decisions at the median turn out for every engine and model."""
    rows: dict[str, list[Compared]] = defaultdict(list)
    for item in compared:
        row = item.observation.run.row
        rows[f"{row.engine} {row.model}"].append(item)
    for name, own in sorted(rows.items()):
        found = choices_of(decide(own, MEDIAN_CONFIDENCE), MEDIAN_CONFIDENCE)[0]
        if found.best_mean is not None and found.best_p10 is not None:
            print(
                f"    {name}: {found.decisions} at {MEDIAN_CONFIDENCE}, "
                f"{found.best_mean:.3f} mean, {found.best_p10:.2f} p10"
            )


def _line(item: SliceErrors) -> str:
    e = item.errors
    covered = "" if e.coverage_80 is None else f", {e.coverage_80:.1%} in the 80% interval"
    return (
        f"{item.metric} of {e.n} rows: median APE {e.median_ape:.1%}, mean {e.mape:.1%}, "
        f"p90 {e.p90_ape:.1%}, log bias {e.log_bias:+.3f}{covered}"
    )


def write(
    values: Mapping[Key, float], widths_ln: Mapping[Key, float], left_out: Sequence[Compared]
) -> None:
    """Write fitted values, and spreads where rows were left out, to ``calibration.csv``."""
    path = shipped_path("catalogs") / "calibration.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    spreads = {is_ttft: _spread(left_out, is_ttft=is_ttft) for is_ttft in (False, True)}
    for row in rows:
        key = (row["parameter"], row["scope"], row["key_id"])
        of = TIED.get(key, key)
        if of in values:
            row["value"] = _digits(values[of])
            if of in widths_ln:
                reach = math.exp(_WIDE_Z * widths_ln[of])
                row["low"], row["high"] = (
                    _digits(v) for v in (values[of] / reach, values[of] * reach)
                )
        elif row["provenance"] == "calibrated" and row["parameter"] in _SPREADS:
            spread = spreads[row["parameter"] == "sigma_ln_ttft"]
            if spread is not None:
                row["value"] = f"{spread:.{_SPREAD_DIGITS}g}"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _spread(left_out: Sequence[Compared], *, is_ttft: bool) -> float | None:
    away = [
        abs(math.log(c.predicted / c.observation.measured))
        for c in left_out
        if c.predicted and c.observation.measured and (c.observation.metric == _TTFT) == is_ttft
    ]
    return float(np.quantile(away, _COVERED)) / _SIDE_Z if away else None


def _digits(value: float) -> str:
    return f"{value:.{_PARAMETER_DIGITS}g}"

"""Refit of the parameters that all combinations share, robust, in logarithms and with priors.

Sought are the values v of the rows in :mod:`parameters` that minimise::

    sum_i w_i huber(r_i / s_m) + 1/2 sum_j ((ln v_j - ln prior_j) / width_j)^2
    r_i = ln(predicted_i(v) / measured_i)

with s_m the spread that is tolerated for metric m and w_i = w_m / sqrt(rows of the model), so that
a model with many rows does not drown the others. Rows of one model, engine and release share most
of their error, so each counts for a part of a row: w_m was chosen by the left-out error. Steps are
Gauss-Newton on reweighted squares with damping (Levenberg), slopes by differences. Predictions are
those of ``planner validate``, so the fit sees formats, parallelism and engines exactly as they
will be judged.

Rows of families of models (``FAMILIES``) are at their prior meanwhile, and are then fitted alone,
so that what is peculiar to a family does not move what all models share.

Static batches were run by scripts and engines of 2023 and 2024, so they set the share `static`
(median of measured over predicted, by engine) and nothing else. Three kinds of rows stay out of
the fit, by rule, and count as held out: DeepSeek runs that were measured a second time at less
than 0.75 times the time per token (decoding with drafts that the source does not label; the slower
one stays); rows whose time per token is the same from 40 to 112 clients (limited by something that
is not stated); and the times to first token of SGLang runs without a version (7 to 9 s on average
from 32 to 128 clients, as when the first prompts wait for kernels to be compiled).

``python tests/benchmarks/refit.py DIR [fit] [cv] [write]`` prints errors, coverage and decisions
on the rows of a folder as shipped, after a fit, and with each model and each accelerator left out
(slopes are those of the whole fit, about two minutes). With ``write``, values and spreads go to
the catalogue.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from parameters import FAMILIES, FREE, TIED, Free, Key
from report import show, write

from planner.catalog.load import Catalog, load_catalog
from planner.evaluate.compare import Compared, compare
from planner.evaluate.engines import engine_of
from planner.evaluate.measurements import read_folder
from planner.evaluate.observations import Observation, collect

SCALES = {
    "tpot_ms": 0.15,
    "ttft_ms": 0.7,
    "throughput_closed_loop": 0.15,
    "throughput_max_load": 0.15,
}
"""Spread of ln(measured / predicted) beyond which a row counts linearly. First tokens that come
much later than predicted are promises broken, so their wide tail counts for more."""
WEIGHTS = {
    "tpot_ms": 0.18,
    "ttft_ms": 0.15,
    "throughput_closed_loop": 0.09,
    "throughput_max_load": 0.15,
}
_ROWS = 200.0
_STEP_LN = 0.02
_LONGEST_LN = 0.7
_ROUNDS = 6
_TRIALS = 8
_CLOSE = 1e-4
_DRAFTS = 0.75

Chosen = Callable[[Observation], bool]


@dataclass(frozen=True, slots=True)
class Refit:
    """What a fit found.

    Parameters
    ----------
    values, widths_ln
        Value of every free row, and the standard deviation of its logarithm.
    catalog
        The catalogue with them.
    cost
        What was minimised.
    slopes
        Slopes of the residuals at the start of the last step.
    """

    values: Mapping[Key, float]
    widths_ln: Mapping[Key, float]
    catalog: Catalog
    cost: float
    slopes: np.ndarray


def with_values(catalog: Catalog, values: Mapping[Key, float]) -> Catalog:
    """Return the catalogue with other values of some rows of ``calibration.csv``."""
    wanted = dict(values) | {to: values[of] for to, of in TIED.items() if of in values}
    rows = tuple(
        row.model_copy(update={"value": wanted.get(row.key, row.value)})
        for row in catalog.calibration
    )
    index = dict(catalog._index) | {("calibration", row.key): row for row in rows}
    return replace(catalog, calibration=rows, _index=index)


def doubtful(observations: Sequence[Observation]) -> list[bool]:
    """Return which observations stay out of the fit, see the head of the module."""
    tpot: dict[Hashable, list[float]] = defaultdict(list)
    own: dict[int, float] = {}
    for o in observations:
        if o.metric == "tpot_ms" and o.measured is not None:
            tpot[_twin(o)].append(o.measured)
            own[id(o.run)] = o.measured
    found = []
    for o in observations:
        row, twins, mine = o.run.row, tpot.get(_twin(o), []), own.get(id(o.run))
        drafts = (
            mine is not None
            and row.model.startswith("deepseek")
            and mine < _DRAFTS * max(twins, default=0.0)
        )
        cold = o.metric != "tpot_ms" and row.engine == "SGLang" and not row.engine_version
        found.append(drafts or cold or "4000x1000" in row.source_ref)
    return found


def _twin(o: Observation) -> Hashable:
    row = o.run.row
    cells = (row.model[:11], row.gpu, row.engine, row.weight_precision, row.n_gpus)
    return (*cells, row.isl, row.osl, row.concurrency_or_rate)


class _Problem:
    """Residuals of one fit in the logarithms of its free values."""

    def __init__(
        self, catalog: Catalog, observations: Sequence[Observation], free: tuple[Free, ...]
    ) -> None:
        skip = doubtful(observations)
        self.observations = [
            o
            for o, bad in zip(observations, skip, strict=True)
            if not bad and not o.parts and o.metric in SCALES and o.measured
        ]
        self.catalog, self.free = catalog, free
        self.prior = np.log([f.prior for f in free])
        self.width = np.array([f.width for f in free])
        self.scale = np.array([SCALES[o.metric] for o in self.observations])
        count: dict[str, int] = defaultdict(int)
        for o in self.observations:
            count[o.run.row.model[:11]] += 1
        self.weight = np.array(
            [
                WEIGHTS[o.metric] * np.sqrt(_ROWS / count[o.run.row.model[:11]])
                for o in self.observations
            ]
        )

    def leave_out(self, left_out: Chosen) -> None:
        """Give the observations that must not be used no weight."""
        self.weight = self.weight * [not left_out(o) for o in self.observations]

    def start(self) -> np.ndarray:
        rows = {row.key: row.value for row in self.catalog.calibration}
        return np.log([rows.get(f.key, f.prior) for f in self.free])

    def values(self, x: np.ndarray) -> dict[Key, float]:
        return {f.key: float(v) for f, v in zip(self.free, np.exp(x), strict=True)}

    def residuals(self, x: np.ndarray) -> np.ndarray:
        found = compare(self.observations, with_values(self.catalog, self.values(x)))
        ratio = np.array([(c.predicted or np.nan) / (c.observation.measured or 1) for c in found])
        return np.nan_to_num(np.log(ratio)) / self.scale

    def slopes(self, x: np.ndarray, residual: np.ndarray) -> np.ndarray:
        columns = []
        for j in range(len(x)):
            moved = x.copy()
            moved[j] += _STEP_LN
            columns.append((self.residuals(moved) - residual) / _STEP_LN)
        return np.stack(columns, axis=1)

    def cost(self, residual: np.ndarray, x: np.ndarray) -> float:
        away = np.abs(residual)
        huber = np.where(away <= 1, 0.5 * away**2, away - 0.5)
        return float(self.weight @ huber + 0.5 * np.sum(((x - self.prior) / self.width) ** 2))

    def normal(
        self, slopes: np.ndarray, residual: np.ndarray, x: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        weight = self.weight / np.maximum(np.abs(residual), 1.0)
        gradient = slopes.T @ (weight * residual) + (x - self.prior) / self.width**2
        curvature = slopes.T @ (slopes * weight[:, None]) + np.diag(self.width**-2.0)
        return gradient, curvature


def refit(
    catalog: Catalog,
    observations: Sequence[Observation],
    *,
    free: Sequence[Free] = FREE,
    left_out: Chosen = lambda _: False,
    rounds: int = _ROUNDS,
    slopes: np.ndarray | None = None,
) -> Refit:
    """Return the values that fit `observations` best.

    Parameters
    ----------
    catalog
        Where to start.
    observations
        Measured figures of closed loops, of full load and of static batches.
    free
        Rows that may move.
    left_out
        Which observations must not be used.
    rounds
        Most steps.
    slopes
        Slopes to use in every step; by default those at its start.
    """
    problem = _Problem(catalog, observations, tuple(free))
    problem.leave_out(left_out)
    x = problem.start()
    residual = problem.residuals(x)
    cost, damping = problem.cost(residual, x), 1e-2
    steep, curvature = slopes, np.eye(len(x))
    for _ in range(rounds):
        steep = problem.slopes(x, residual) if slopes is None else slopes
        gradient, curvature = problem.normal(steep, residual, x)
        moved = None
        for _ in range(_TRIALS):
            system = curvature + damping * np.diag(np.diag(curvature))
            step = np.clip(np.linalg.solve(system, -gradient), -_LONGEST_LN, _LONGEST_LN)
            tried = problem.residuals(x + step)
            if (lower := problem.cost(tried, x + step)) < cost:
                moved = (x + step, tried, lower)
                break
            damping *= 4
        if moved is None:
            break
        done = cost - moved[2] < _CLOSE * cost
        x, residual, cost = moved
        damping = max(damping / 3, 1e-4)
        if done:
            break
    values = problem.values(x)
    spread = np.sqrt(np.diag(np.linalg.inv(curvature)))
    widths = {f.key: float(s) for f, s in zip(free, spread, strict=True)}
    found = with_values(catalog, values)
    return Refit(values, widths, found, float(cost), np.asarray(steep))


def with_families(
    found: Refit, observations: Sequence[Observation], left_out: Chosen = lambda _: False
) -> Refit:
    """Return a fit with the rows of families fitted after all others."""
    own = refit(found.catalog, observations, free=FAMILIES, left_out=left_out)
    return replace(
        found,
        values={**found.values, **own.values},
        widths_ln={**found.widths_ln, **own.widths_ln},
        catalog=own.catalog,
        cost=own.cost,
    )


def cross_validated(
    base: Refit, observations: Sequence[Observation], group: Callable[[Observation], Hashable]
) -> list[Compared]:
    """Return every observation with the prediction of a fit that did not see its group."""
    found: dict[int, Compared] = {}
    for name in sorted({group(o) for o in observations}, key=str):
        own = [o for o in observations if group(o) == name]
        is_left_out = partial(_is_of, group, name)
        shared = refit(base.catalog, observations, left_out=is_left_out, slopes=base.slopes)
        fitted = with_families(shared, observations, is_left_out)
        found |= {id(c.observation): c for c in compare(own, fitted.catalog)}
    return [found[id(o)] for o in observations]


def _is_of(group: Callable[[Observation], Hashable], name: Hashable, o: Observation) -> bool:
    return group(o) == name


def static_shares(catalog: Catalog, observations: Sequence[Observation]) -> dict[Key, float]:
    """Return the share `static` of every row that states one, from the batches of its engine."""
    stated = {row.key: row.value for row in catalog.calibration if row.parameter == "static"}
    ratios: dict[Key, list[float]] = defaultdict(list)
    for c in compare([o for o in observations if o.metric == "throughput_static"], catalog):
        own = ("static", "engine", engine_of(c.observation.run.row.engine) or "")
        key = own if own in stated else ("static", "default", "all")
        if c.predicted and c.observation.measured:
            ratios[key].append(c.observation.measured / c.predicted)
    return {key: stated[key] * float(np.median(found)) for key, found in ratios.items()}


SERVED = ("aiconfigurator", "TensorRT")
"""Sources whose rows were measured on serving engines."""


def model_of(o: Observation) -> str:
    """Return the name of the model, one for all of an architecture."""
    return "deepseek" if o.run.row.model.startswith("deepseek") else o.run.row.model


def accelerator_of(o: Observation) -> str:
    """Return the name of the accelerator without its form and memory."""
    return o.run.row.gpu.split("-")[0]


def main(folder: str, *steps: str) -> None:
    """Print errors as shipped, and after the steps asked for."""
    catalog = load_catalog()
    collected = collect(read_folder(Path(folder)).rows).observations
    rows = [
        o
        for o in collected
        if not o.parts
        and o.measured
        and o.metric in SCALES
        and any(name in o.run.row.source for name in SERVED)
    ]
    show("as shipped", compare(rows, catalog))
    certain = [o for o, bad in zip(rows, doubtful(rows), strict=True) if not bad]
    show("as shipped, without rows that stay out of the fit", compare(certain, catalog))
    if not steps:
        return
    shared = refit(with_values(catalog, {f.key: f.prior for f in FAMILIES}), rows)
    fitted = with_families(shared, rows)
    print(f"\ncost {fitted.cost:.2f}")
    for f in (*FREE, *FAMILIES):
        value = fitted.values[f.key]
        away = math.log(value / f.prior) / f.width
        print(*f.key, f"{value:.4g}, {away:+.1f} widths from {f.prior:g}")
    show("refitted", compare(rows, fitted.catalog))
    left_out: list[Compared] = []
    if "cv" in steps:
        for name, group in (("model", model_of), ("accelerator", accelerator_of)):
            found = cross_validated(shared, rows, group)
            show(f"{name} left out", found)
            left_out += found
    if "write" in steps:
        shares = static_shares(fitted.catalog, [o for o in collected if not o.parts])
        write(fitted.values | shares, fitted.widths_ln, left_out)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Refit of the parameters that all combinations share, robust, in logarithms and with priors.

Sought are the values v of the free rows of ``calibration.csv`` that minimise::

    sum_i w_i huber(r_i / s_m) + 1/2 sum_j ((ln v_j - ln prior_j) / width_j)^2
    r_i = ln(predicted_i(v) / measured_i)

with s_m the spread that is tolerated for metric m and w_i = w_m / sqrt(rows of the model), so that
a model with many rows does not drown the others. Steps are Gauss-Newton on reweighted squares with
damping (Levenberg), slopes by differences. Predictions are those of ``planner validate``, so the
fit sees formats, parallelism and engines exactly as they will be judged.

Static batches were run by scripts and engines of 2023 and 2024, so they set the share `static`
(median of measured over predicted, by engine) and nothing else. Two kinds of rows stay out of the
fit, by rule, and count as held out: DeepSeek runs that were measured a second time at less than
0.75 times the time per token (decoding with drafts that the source does not label; the slower one
stays), and rows whose time per token is the same from 40 to 112 clients (limited by something that
is not stated).

``python tests/benchmarks/refit.py DIR [fit] [cv]`` prints the errors on the rows of a folder as
shipped, after a fit (about a minute), and with each model and each accelerator left out (about
eight minutes). Nothing is written.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from planner.catalog.load import Catalog, load_catalog
from planner.evaluate.compare import compare
from planner.evaluate.measurements import read_folder
from planner.evaluate.observations import Observation, collect

SCALES = {
    "tpot_ms": 0.15,
    "ttft_ms": 0.45,
    "throughput_closed_loop": 0.15,
    "throughput_max_load": 0.15,
}
"""Spread of ln(measured / predicted) beyond which a row counts linearly."""
WEIGHTS = {
    "tpot_ms": 0.3,
    "ttft_ms": 0.15,
    "throughput_closed_loop": 0.15,
    "throughput_max_load": 0.25,
}
_ROWS = 200.0
_STEP_LN = 0.02
_LONGEST_LN = 0.7
_ROUNDS = 12
_CLOSE = 1e-4
_DRAFTS = 0.75

Key = tuple[str, str, str]
Chosen = Callable[[Observation], bool]


@dataclass(frozen=True, slots=True)
class Free:
    """A row of ``calibration.csv`` that may move.

    Parameters
    ----------
    parameter, scope, key_id
        Its key.
    prior, width
        Value expected before any serving row was seen, and the width of ln(value) around it.
    """

    parameter: str
    scope: str
    key_id: str
    prior: float
    width: float

    @property
    def key(self) -> Key:
        """Key of the row."""
        return (self.parameter, self.scope, self.key_id)


def _default(parameter: str, prior: float, width: float) -> Free:
    return Free(parameter, "default", "all", prior, width)


FREE: tuple[Free, ...] = (
    # Shares of the peaks: operation tables of several devices.
    _default("e_c", 0.74, 0.06),
    _default("e_m", 0.85, 0.05),
    _default("p_overlap", 1.6, 0.25),
    _default("e_c_moe", 0.35, 0.4),
    _default("e_m_moe", 0.72, 0.12),
    _default("expert_cv", 0.6, 0.4),
    _default("e_kv", 0.80, 0.08),
    _default("e_att", 0.50, 0.12),
    # Fixed times: launches of kernels and host work.
    _default("c_layer_us", 40.0, 0.25),
    _default("c_moe_us", 20.0, 0.3),
    _default("c_step_us", 600.0, 0.3),
    _default("c_req_us", 6.0, 0.4),
    _default("c_launch_us", 350.0, 0.3),
    _default("t_req_ms", 60.0, 0.5),
    _default("mix", 1.0, 0.07),
    _default("queue", 0.95, 0.2),
    _default("burst", 0.12, 0.3),
    *(Free("c_layer_us", "engine", e, 1.0, 0.2) for e in ("vllm", "sglang", "trtllm")),
    *(Free("t_req_ms", "engine", e, 1.0, 0.4) for e in ("vllm", "sglang", "trtllm")),
    Free("poll", "engine", "sglang", 15.0, 0.5),
    # Formats: of their own peak; 1.0 where nothing else is known.
    Free("e_c", "quantization", "fp8", 0.72, 0.12),
    Free("e_c", "quantization", "nvfp4", 0.52, 0.15),
    *(
        Free("e_c_moe", "quantization", q, 1.0, 0.2)
        for q in ("fp8-block", "nvfp4", "mxfp4", "int4")
    ),
    *(Free("e_m_moe", "quantization", q, 1.0, 0.12) for q in ("fp8-block", "mxfp4", "int4")),
    *(Free("c_layer_us", "quantization", q, 1.0, 0.12) for q in ("mxfp4", "int4")),
    *(Free("c_moe_us", "quantization", q, 1.0, 0.2) for q in ("mxfp4", "int4")),
)
TIED: dict = {
    ("e_c", "quantization", "fp8-kv8"): ("e_c", "quantization", "fp8"),
    ("e_c", "quantization", "int8"): ("e_c", "quantization", "fp8"),
    ("e_c", "quantization", "fp8-block"): ("e_c", "quantization", "fp8"),
    **{
        (name, "quantization", to): (name, "quantization", "fp8-block")
        for name in ("e_c_moe", "e_m_moe")
        for to in ("fp8", "fp8-kv8")
    },
}
"""Rows that repeat another one. Sources rarely say whether fp8 has a scale per block, so the two
share all their parameters."""


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
    """

    values: Mapping[Key, float]
    widths_ln: Mapping[Key, float]
    catalog: Catalog
    cost: float


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
    for o in observations:
        if o.metric == "tpot_ms" and o.measured is not None:
            tpot[_twin(o)].append(o.measured)
    own: dict[int, float] = {
        id(o.run): o.measured
        for o in observations
        if o.metric == "tpot_ms" and o.measured is not None
    }
    found = []
    for o in observations:
        twins, mine = tpot.get(_twin(o), []), own.get(id(o.run))
        drafts = (
            mine is not None
            and o.run.row.model.startswith("deepseek")
            and mine < _DRAFTS * max(twins, default=0.0)
        )
        found.append(drafts or "4000x1000" in o.run.row.source_ref)
    return found


def _twin(o: Observation) -> Hashable:
    row = o.run.row
    cells = (row.model[:11], row.gpu, row.engine, row.weight_precision, row.n_gpus)
    return (*cells, row.isl, row.osl, row.concurrency_or_rate)


def refit(
    catalog: Catalog,
    observations: Sequence[Observation],
    *,
    free: Sequence[Free] = FREE,
    left_out: Chosen = lambda _: False,
    rounds: int = _ROUNDS,
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
    """
    problem = _Problem(catalog, list(observations), tuple(free), left_out)
    x = problem.start()
    residual = problem.residuals(x)
    cost, damping = problem.cost(residual, x), 1e-2
    curvature = np.eye(len(x))
    for _ in range(rounds):
        slopes = problem.slopes(x, residual)
        gradient, curvature = problem.normal(slopes, residual, x)
        moved = None
        for _ in range(6):
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
    return Refit(values, widths, with_values(catalog, values), float(cost))


class _Problem:
    """Residuals of one fit in the logarithms of its free values."""

    def __init__(
        self,
        catalog: Catalog,
        observations: list[Observation],
        free: tuple[Free, ...],
        left_out: Chosen,
    ) -> None:
        skip = doubtful(observations)
        self.observations = [
            o
            for o, bad in zip(observations, skip, strict=True)
            if not bad and not o.parts and o.metric in SCALES and o.measured and not left_out(o)
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


def cross_validated(
    catalog: Catalog,
    observations: Sequence[Observation],
    group: Callable[[Observation], Hashable],
) -> list[float | None]:
    """Return the prediction of every observation by a fit that did not see its group."""
    base = refit(catalog, observations)
    predicted: dict[int, float | None] = {}
    for name in sorted({group(o) for o in observations}, key=str):
        own = [o for o in observations if group(o) == name]
        found = refit(
            base.catalog, observations, left_out=lambda o, name=name: group(o) == name, rounds=4
        )
        for o, c in zip(own, compare(own, found.catalog), strict=True):
            predicted[id(o)] = c.predicted
    return [predicted[id(o)] for o in observations]


SERVED = ("aiconfigurator", "TensorRT")
"""Sources whose rows were measured on serving engines."""
SAME_ARCHITECTURE = {
    "deepseek-v3": "deepseek",
    "deepseek-r1": "deepseek",
    "deepseek-v3.1": "deepseek",
}


def main(folder: str, *steps: str) -> None:
    """Print errors as shipped, and after the steps asked for."""
    catalog = load_catalog()
    rows = [
        o
        for o in collect(read_folder(Path(folder)).rows).observations
        if not o.parts
        and o.measured
        and o.metric in SCALES
        and any(name in o.run.row.source for name in SERVED)
    ]
    _show("as shipped", rows, [c.predicted for c in compare(rows, catalog)])
    if "fit" in steps:
        fitted = refit(catalog, rows, rounds=6)
        for key, value in fitted.values.items():
            print(*key, f"{value:.4g}")
        _show("refitted", rows, [c.predicted for c in compare(rows, fitted.catalog)])
    if "cv" in steps:
        models = cross_validated(
            catalog, rows, lambda o: SAME_ARCHITECTURE.get(o.run.row.model, o.run.row.model)
        )
        _show("model left out", rows, models)
        parts = cross_validated(catalog, rows, lambda o: o.run.row.gpu.split("-")[0])
        _show("accelerator left out", rows, parts)


def _show(name: str, rows: Sequence[Observation], predicted: Sequence[float | None]) -> None:
    for metric in SCALES:
        logs = [
            math.log(p / o.measured)
            for p, o in zip(predicted, rows, strict=True)
            if p and o.metric == metric
        ]
        errors = np.abs(np.expm1(logs))
        print(
            f"{name}: {metric} of {len(logs)} rows: median {np.median(errors):.1%}, "
            f"mean {errors.mean():.1%}, bias {np.mean(logs):+.3f}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])

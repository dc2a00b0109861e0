"""Refit of the power of accelerators, robust, in logarithms, and its errors on runs left out.

The data are LLM runs of the ML.ENERGY benchmark on H100 and B200 (vLLM, as many clients as the
engine holds): power, throughput, mean batch and output length. Sought are the exponents v of
:mod:`planner.perf.power` that minimise::

    sum_i huber(ln(predicted_i(v) / measured_i) / 0.1) + 1/2 sum_j (ln v_j - ln prior_j)^2

Activities are those at the measured throughput, so the fit does not depend on how well times are
predicted. The idle share is not fitted: no run was idle.

Errors are printed for power per accelerator and energy per output token, (a) at the measured
throughput, where both have the same relative error, and (b) at the predicted one, with each model
and each accelerator left out in turn. (b) is what ``planner validate`` would say of these runs.

The data do not state the prompts. Their mean lengths are taken to be :data:`PROMPT_TOKENS`, at
which the predicted throughput of each task on the H100 has little bias; the effect on the errors
of half and twice as many is printed too.

``python tests/benchmarks/refit_power.py DIR`` reads ``DIR/energy.csv``. Nothing is written.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from planner.catalog.load import Catalog, load_catalog
from planner.evaluate.cases import Case, CaseBuilder
from planner.evaluate.measurements import MeasuredRow
from planner.evaluate.names import names_of
from planner.evaluate.predict import Predictor
from planner.evaluate.runs import Run, run_of
from planner.perf.activity import ideal_step, steady_activity
from planner.perf.power import power_model

PROMPT_TOKENS = {"GPQA reasoning": 250.0, "LMArena chat": 500.0, "code completion": 2000.0}
"""Assumed mean prompt of a task, tokens."""
PRIOR = {"run": 0.7, "memory": 0.5, "compute": 3.0}
"""Values expected before any row was seen, each known to a factor of e.

Kernels that do little draw about half of the range, decode at full bandwidth 0.7 of it, and
matrix products at half of the peak nearly all of it.
"""
_HUBER_LN = 0.1
_ROUNDS = 60
_STEP = 1e-4


@dataclass(frozen=True)
class Measured:
    """One run: what ran, and its measured power, throughput and batch.

    Parameters
    ----------
    run, case
        As ``planner validate`` sees it.
    model
        Name of the architecture.
    batch
        Mean requests in a step.
    tokens_per_s
        Output tokens/s of all accelerators.
    power_w
        Of all accelerators.
    """

    run: Run
    case: Case
    model: str
    batch: float
    tokens_per_s: float
    power_w: float


def read(path: Path, catalog: Catalog, prompt_factor: float = 1.0) -> tuple[list[Measured], int]:
    """Return the runs of a file whose model the catalogue knows, and how many others there are."""
    builder = CaseBuilder(catalog, names_of(catalog))
    found, unknown = [], 0
    with path.open(encoding="utf-8", newline="") as file:
        for cells in csv.DictReader(file):
            run = run_of(_row(cells, prompt_factor))
            case, model = builder.case(run), builder.model(run)
            if isinstance(case, str) or model is None:
                unknown += 1
                continue
            found.append(
                Measured(
                    run,
                    case,
                    f"{model.layers} layers of {model.hidden}",
                    float(cells["avg_batch_size"]),
                    float(cells["output_tok_s"]),
                    float(cells["avg_power_w_total"]),
                )
            )
    return found, unknown


def _row(cells: dict[str, str], prompt_factor: float) -> MeasuredRow:
    # Tensor parallelism is stated outside the experts only where there are none.
    notes = f"attention_dp={cells['data_parallel']};moe_ep={cells['expert_parallel']}"
    return MeasuredRow(
        source="ML.ENERGY",
        engine="vLLM",
        model=cells["model_id"],
        gpu=cells["gpu"],
        n_gpus=cells["num_gpus"],
        weight_precision={"bfloat16": "bf16"}.get(
            cells["weight_precision"], cells["weight_precision"]
        ),
        isl=str(PROMPT_TOKENS[cells["task"]] * prompt_factor),
        osl=cells["avg_output_len"],
        concurrency_or_rate=f"concurrency={cells['avg_batch_size']}",
        scenario_notes=notes,
    )


class Fit:
    """Power of runs at given activities, and the exponents that fit them."""

    def __init__(self, runs: Sequence[Measured], tokens_per_s: np.ndarray) -> None:
        cases = [m.case for m in runs]
        self.ideal = ideal_step([c.spec for c in cases])
        self.model = power_model(
            [c.power for c in cases],
            [c.tdp_w or math.nan for c in cases],
            [c.spec.devices * c.replicas for c in cases],
        )
        self.activity = steady_activity(
            self.ideal,
            np.array([m.batch for m in runs]),
            tokens_per_s,
            np.array([m.run.isl_tokens for m in runs], dtype=float),
            np.array([m.run.osl_tokens for m in runs], dtype=float),
        )
        self.measured_w = np.array([m.power_w for m in runs])

    def predicted_w(self, exponents: np.ndarray) -> np.ndarray:
        """Return the power of every run with other exponents."""
        model = replace(
            self.model,
            **{
                name: np.full(len(self.measured_w), value)
                for name, value in zip(PRIOR, exponents, strict=True)
            },
        )
        return model.running_w(*self.activity)

    def best(self, used: np.ndarray) -> np.ndarray:
        """Return the exponents that fit the runs `used` best, by damped Gauss-Newton steps."""
        prior = np.log(list(PRIOR.values()))
        x, damping = prior.copy(), 1e-2

        def residuals(at: np.ndarray) -> np.ndarray:
            return np.log(self.predicted_w(np.exp(at)) / self.measured_w)[used] / _HUBER_LN

        def cost(r: np.ndarray, at: np.ndarray) -> float:
            away = np.abs(r)
            huber = np.where(away <= 1, away**2 / 2, away - 0.5)
            return float(huber.sum() + ((at - prior) ** 2).sum() / 2)

        r = residuals(x)
        for _ in range(_ROUNDS):
            moves = np.eye(len(x)) * _STEP
            slopes = np.stack([(residuals(x + m) - r) / _STEP for m in moves], axis=1)
            weight = 1.0 / np.maximum(np.abs(r), 1.0)
            system = slopes.T @ (slopes * weight[:, None]) + np.eye(len(x))
            gradient = slopes.T @ (weight * r) + (x - prior)
            step = np.linalg.solve(system + damping * np.diag(np.diag(system)), -gradient)
            tried = residuals(x + step)
            if cost(tried, x + step) < cost(r, x):
                x, r, damping = x + step, tried, max(damping / 3, 1e-6)
            else:
                damping *= 4
        return np.exp(x)

    def left_out(self, groups: np.ndarray, other: Fit) -> np.ndarray:
        """Return the power of each run of `other` by a fit that did not see its group."""
        predicted = np.zeros(len(self.measured_w))
        for name in sorted(set(groups)):
            out = groups == name
            predicted[out] = other.predicted_w(self.best(~out))[out]
        return predicted


def predicted_tokens_per_s(runs: Sequence[Measured]) -> np.ndarray:
    """Return the throughput that the model predicts for every run."""
    found = Predictor([(m.run, m.case) for m in runs]).predictions()
    return np.array([p.figures["throughput_closed_loop", None] for p in found])


def main(folder: str) -> None:
    """Print the exponents, and the errors of power and of energy per token."""
    catalog, path = load_catalog(), Path(folder) / "energy.csv"
    for factor in (1.0, 0.5, 2.0):
        runs, unknown = read(path, catalog, factor)
        print(f"prompts x {factor:g}: {len(runs)} runs, {unknown} of models without a row")
        _report(runs, whole=factor == 1.0)


def _report(runs: Sequence[Measured], *, whole: bool) -> None:
    measured = np.array([m.tokens_per_s for m in runs])
    predicted = predicted_tokens_per_s(runs)
    seen, chain = Fit(runs, measured), Fit(runs, predicted)
    gpu = np.array([m.run.row.gpu for m in runs])
    exponents = seen.best(np.ones(len(runs), dtype=bool))
    print(f"  fit of all: {_named(exponents)}")
    for part in sorted(set(gpu)):
        print(f"  fit of {part}: {_named(seen.best(gpu == part))}")
    _show("throughput", predicted / measured, gpu)
    _show("(a) in sample: W", seen.predicted_w(exponents) / seen.measured_w, gpu)
    if not whole:
        return
    _show("(a) 0.7 of TDP: W", 0.7 * seen.model.rated_w / seen.measured_w, gpu)
    _show("(a) power law 0.7 of the larger activity: W", power_law_w(seen) / seen.measured_w, gpu)
    architecture = np.array([m.model for m in runs])
    for name, groups in (("model", architecture), ("accelerator", gpu)):
        watts = seen.left_out(groups, seen) / seen.measured_w
        _show(f"(a) {name} left out: W, J/token", watts, gpu)
        watts = seen.left_out(groups, chain) / seen.measured_w
        _show(f"(b) {name} left out: W", watts, gpu)
        _show(f"(b) {name} left out: J/token", watts * measured / predicted, gpu)


def _named(exponents: np.ndarray) -> str:
    return ", ".join(f"power_{n} {v:.3g}" for n, v in zip(PRIOR, exponents, strict=True))


def power_law_w(fit: Fit) -> np.ndarray:
    """Return the power by a formula without a running state, for comparison."""
    larger = np.minimum(np.maximum(*fit.activity), 1.0)
    idle = fit.model.idle
    return fit.model.rated_w * (idle + (1.0 - idle) * larger**0.7)


def _show(name: str, ratio: np.ndarray, gpu: np.ndarray) -> None:
    for part in ("all", *sorted(set(gpu))):
        own = ratio if part == "all" else ratio[gpu == part]
        error = np.abs(own - 1.0)
        print(
            f"  {name} ({part}, {len(own)}): median {np.median(error):.1%}, "
            f"mean {error.mean():.1%}, p90 {np.quantile(error, 0.9):.1%}, "
            f"bias {np.log(own).mean():+.3f}, spread {np.log(own).std():.3f}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])

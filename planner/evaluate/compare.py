"""Every measured figure beside its prediction, or the reason why there is none.

============================ =====================================================================
``unknown_model``            no row of models.csv has this name or architecture
``unknown_accelerator``      no accelerator has this name or alias
``unknown_precision``        the words for the number format mean none of quantizations.csv
``engine``                   the program is no serving engine
``parallelism``              accelerators, heads or experts do not divide as stated
``no_interconnect``          several accelerators without any known link between them
``no_rate``                  the 16-bit rate of the accelerator is unknown
``no_tdp``                   the rated power of the accelerator is unknown
``does_not_fit``             by the model, weights and one request exceed the memory
``speculative``              decoding with drafts is not modelled
``workers``                  how many instances computed prompts, or decoded, is not stated
``percentile``               percentiles under a fixed number of clients are not modelled
``unstable``                 the rate is above the highest that the model calls stable, or the
                             lengths are beyond anything that it can compute
``load``                     the load is not of the kind under which this metric is compared
``bad_value``                the figure is no positive number
============================ =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from planner.catalog.calibration import EVERYTHING
from planner.evaluate.cases import Case, CaseBuilder, UnitCase
from planner.evaluate.engines import engine_of
from planner.evaluate.figures import MEDIAN
from planner.evaluate.names import names_of
from planner.evaluate.observations import Observation
from planner.evaluate.predict import Predictor
from planner.evaluate.seen import seen_in
from planner.evaluate.units import unit_predictions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.evaluate.observations import Metric
    from planner.evaluate.predict import Prediction

DEFAULT_TTFT_SIGMA_LN = 0.5
"""Spread of ln(measured / predicted TTFT) where calibration.csv states no ``sigma_ln_ttft``."""
_Spreads: TypeAlias = "dict[Metric, float | None]"
"""Stated spread of metrics that have one of their own, whatever the accelerator."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A measured figure and what the model says.

    Parameters
    ----------
    observation
        The measured figure.
    predicted
        In its unit; ``None`` when the model says nothing.
    reason
        Why it says nothing, empty otherwise.
    sigma_ln
        Stated spread of ln(measured / predicted); ``None`` when none is stated.
    model_seen, accelerator_seen
        Whether they stand behind the calibration.
    """

    observation: Observation
    predicted: float | None
    reason: str
    sigma_ln: float | None
    model_seen: bool
    accelerator_seen: bool


def compare(observations: Sequence[Observation], catalog: Catalog) -> tuple[Compared, ...]:
    """Return every observation with its prediction, in order."""
    names = names_of(catalog)
    builder, seen = CaseBuilder(catalog, names), seen_in(catalog, names)
    runs = list({id(o.run): o.run for o in observations}.values())
    cases = {id(run): builder.of(run) for run in runs}
    replicas = [(run, case) for run in runs if isinstance(case := cases[id(run)], Case)]
    units = [(run, case) for run in runs if isinstance(case := cases[id(run)], UnitCase)]
    # Absurd lengths or loads overflow, which leaves no finite figure and is counted as such.
    with np.errstate(all="ignore"):
        found = Predictor(replicas).predictions() if replicas else []
        found += unit_predictions(units)
    wanted = [run for run, _ in replicas] + [run for run, _ in units]
    predictions = {id(run): p for run, p in zip(wanted, found, strict=True)}
    new = {
        id(run): (
            seen.has_model(builder.model(run)),
            seen.has_accelerator(builder.accelerator(run)),
        )
        for run in runs
    }
    spreads = _spreads(catalog)
    return tuple(
        _compared(o, cases[id(o.run)], predictions.get(id(o.run)), spreads, new[id(o.run)])
        for o in observations
    )


def _spreads(catalog: Catalog) -> _Spreads:
    ttft = catalog.calibration_row("sigma_ln_ttft", "default", EVERYTHING)
    power = catalog.calibration_row("sigma_ln_power", "default", EVERYTHING)
    return {
        "ttft_ms": DEFAULT_TTFT_SIGMA_LN if ttft is None else ttft.value,
        "memory_bytes": None,
        "power_w": None if power is None else power.value,
    }


def _compared(
    observation: Observation,
    case: Case | UnitCase | str,
    prediction: Prediction | None,
    spreads: _Spreads,
    known: tuple[bool, bool],
) -> Compared:
    value = _value(observation, case, prediction)
    if isinstance(value, str) or isinstance(case, str):
        return Compared(observation, None, str(value), None, *known)
    sigma = spreads.get(observation.metric, case.trust.sigma_ln_time)
    return Compared(observation, value, "", sigma, *known)


def _value(
    observation: Observation, case: Case | UnitCase | str, prediction: Prediction | None
) -> float | str:
    """Return the prediction, or the reason why there is none."""
    reason = _refused(observation, case)
    if reason or isinstance(case, str) or prediction is None:
        return reason
    value = prediction.figures.get((observation.metric, observation.percentile))
    if value is None:
        return _not_modelled(observation)
    if not prediction.fits and (case.is_serving or observation.metric != "memory_bytes"):
        return "does_not_fit"
    return value if math.isfinite(value) and value > 0 else "unstable"


def _refused(observation: Observation, case: Case | UnitCase | str) -> str:
    """Return why nothing is predicted whatever the model says, empty when it is asked."""
    if observation.measured is None:
        return "bad_value"
    serves = engine_of(observation.run.row.engine) is not None
    if not serves and observation.metric != "memory_bytes":
        return "engine"
    if isinstance(case, str):
        return case
    unrated = isinstance(case, Case) and case.tdp_w is None
    return "no_tdp" if observation.metric == "power_w" and unrated else ""


def _not_modelled(observation: Observation) -> str:
    arrives = observation.run.load.kind in {"closed", "open"}
    in_the_tail = observation.percentile not in {None, MEDIAN}
    return "percentile" if arrives and in_the_tail else "load"

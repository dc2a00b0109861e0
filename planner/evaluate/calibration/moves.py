"""What a calibration may move: a few physical factors with a prior at what is shipped.

Every move is the logarithm of a factor on one or several parameters, 0 where nothing is known:

=============  ========================================================  =====  ============
move           multiplies                                                prior  from points
=============  ========================================================  =====  ============
``time``       all times, as 1 / ``throughput_factor``                   known  2
``overhead``   fixed times of a step: layers, experts, host, transfers   0.5    2
``request``    time of a request outside the steps                       0.7    2, with TTFT
``launch``     time to launch a step with prompts                        0.4    4
``bandwidth``  shares of the memory bandwidth                            0.2    4
``compute``    shares of the peak rate in matrix products                0.4    6
``prefill``    share of the peak rate in attention of prompts            0.4    8
=============  ========================================================  =====  ============

The prior is the standard deviation of the logarithm; that of ``time`` follows from the spread that
is shipped for the combination (:mod:`planner.evaluate.calibration.tasks`). Two points say little
about how time is split, so the others stay near the shipped values unless the points pull.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from planner.perf.spec import StepParameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.evaluate.cases import Case

MOST_TIMES = 5.0
"""Times slower or faster than predicted beyond which something else must be wrong."""
_WIDTHS = 3.0
"""Standard deviations of its prior that a move may go."""
TIME, THROUGHPUT_FACTOR = "time", "throughput_factor"
_UNKNOWN = 0.3
"""Prior of the common factor where nothing is shipped; :func:`freed` sets the one that is."""
_FIELDS = frozenset(f.name for f in fields(StepParameters))


@dataclass(frozen=True, slots=True)
class Move:
    """A degree of freedom.

    Parameters
    ----------
    name
        For messages.
    parameters
        Parameters of calibration.csv that it multiplies; those that nobody states are left out.
    prior_ln
        Standard deviation of its logarithm before anything is measured.
    least_points
        Points that free it.
    needs_ttft
        Whether one of them must state a time to first token.
    """

    name: str
    parameters: tuple[str, ...]
    prior_ln: float
    least_points: int
    needs_ttft: bool = False

    @property
    def most_ln(self) -> float:
        """Largest size of the logarithm."""
        most = math.log(MOST_TIMES)
        return most if self.name == TIME else min(_WIDTHS * self.prior_ln, most)


MOVES = (
    Move(TIME, (THROUGHPUT_FACTOR,), _UNKNOWN, 2),
    Move("overhead", ("c_layer_us", "c_moe_us", "c_step_us", "a_ar_us"), 0.5, 2),
    Move("request", ("t_req_ms", "c_first_us"), 0.7, 2, needs_ttft=True),
    Move("launch", ("c_launch_us",), 0.4, 4),
    Move("bandwidth", ("e_m", "e_m_moe", "e_kv"), 0.2, 4),
    Move("compute", ("e_c", "e_c_moe"), 0.4, 6),
    Move("prefill", ("e_att",), 0.4, 8),
)


def freed(points: int, has_ttft: bool, common_ln: float) -> tuple[Move, ...]:
    """Return what may move.

    Parameters
    ----------
    points
        Number of operating points.
    has_ttft
        Whether one of them states a time to first token.
    common_ln
        Prior of the common factor on all times.
    """
    free = (m for m in MOVES if points >= m.least_points and (has_ttft or not m.needs_ttft))
    return tuple(replace(m, prior_ln=common_ln) if m.name == TIME else m for m in free)


def moved(case: Case, moves: Sequence[Move], ln: Sequence[float]) -> Case:
    """Return a replica with its parameters moved.

    Parameters
    ----------
    case
        The replica.
    moves, ln
        What is moved, and the logarithms of the factors.
    """
    factors = factors_of(moves, ln)
    trust = replace(
        case.trust,
        throughput_factor=case.trust.throughput_factor * factors.pop(THROUGHPUT_FACTOR, 1.0),
    )
    named = {field_of(name): factor for name, factor in factors.items()}
    theta = case.spec.parameters
    theta = replace(
        theta, **{name: getattr(theta, name) * f for name, f in named.items() if name in _FIELDS}
    )
    return replace(case, trust=trust, spec=replace(case.spec, parameters=theta))


def factors_of(moves: Sequence[Move], ln: Sequence[float]) -> dict[str, float]:
    """Return the factor on every parameter that is moved."""
    return {
        name: math.exp(-size if name == THROUGHPUT_FACTOR else size)
        for move, size in zip(moves, ln, strict=True)
        for name in move.parameters
    }


def field_of(parameter: str) -> str:
    """Return the name of a parameter of calibration.csv in the performance model."""
    stem, _, unit = parameter.rpartition("_")
    return f"{stem}_s" if unit in {"us", "ms"} else parameter

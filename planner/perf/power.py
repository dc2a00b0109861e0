"""Electric power of a replica's accelerators, idle and under load.

While an engine runs its steps, a device draws a share of its rated power (TDP) that rises with
what the steps do and saturates at the rating, where the limiter lowers the clocks::

    share(m, c) = idle + (1 - idle) (1 - exp(-(run + memory m + compute c)))

m and c are the memory and compute activity of :mod:`planner.perf.activity`: the shares of peak
bandwidth and of peak arithmetic, averaged over the time in which steps run. `run` is what kernels
draw whatever they reach: most of the power of small models, whose steps are launches and waits
inside the device. `idle` is a device that holds a model and waits: its clocks stay up.

Under open arrivals the state of :mod:`planner.perf.open_loop` gives the time in prefill steps
(rho), and of the rest the share in which anybody decodes, of b requests on average::

    busy  = rho + (1 - rho) (1 - exp(-b))        decode steps hold b / (1 - exp(-b)) requests
    power = devices TDP (busy share(m, c) + (1 - busy) idle)

Batches grow with the load, so a replica is busy nearly always from a small load on, and power is
concave in the load: far above the line from idle to full. A line with an intercept holds where
replicas are used, and it is linear in replicas n and rate f, as a linear program needs it::

    power = n base_w + marginal_energy_per_request_j f

Both are those of the line through :data:`LOW_LOAD` and all of the capacity; a replica that is up
and serves nothing draws idle_w. :attr:`PowerLine.error` is the largest relative difference between
the line and the model in between.

Host, network and cooling are not part of it.

Sources: the running state and its saturation were fitted on the LLM runs of the ML.ENERGY
benchmark (arXiv 2505.06371), see ``tests/benchmarks/refit_power.py``; idle with a loaded model is
measured in arXiv 2605.23918.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.open_loop import replica_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.perf.activity import IdealStep
    from planner.perf.load_table import LoadTable
    from planner.perf.moments import TrafficMeans
    from planner.perf.open_loop import ReplicaState
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel

LOW_LOAD = 0.25
"""Share of the capacity at which the line through the capacity starts to hold."""
_CHECKED_LOADS = np.linspace(LOW_LOAD, 1.0, 7)
_NAMES = ("idle", "run", "memory", "compute")
_TINY = np.finfo(float).tiny


@dataclass(frozen=True, slots=True)
class PowerParameters:
    """Parameters of the power of one device.

    Parameters
    ----------
    idle
        Share of the rated power while a loaded model waits, 0 to below 1.
    run
        Exponent of running kernels, >= 0.
    memory, compute
        Exponents at full memory and full compute activity, >= 0.

    Raises
    ------
    ValueError
        When a value is outside its range.
    """

    idle: float
    run: float
    memory: float
    compute: float

    def __post_init__(self) -> None:
        for name in _NAMES:
            value, most = getattr(self, name), 1.0 if name == "idle" else np.inf
            if not 0 <= value < most:
                end = " and below 1" if name == "idle" else ""
                msg = f"{name} is {value}; accepted: 0 or more{end}"
                raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class PowerModel:
    """What decides the power of n replicas; arrays of shape (n,).

    Parameters
    ----------
    rated_w
        Rated power of all devices of a replica, watts, > 0.
    idle, run, memory, compute
        As in :class:`PowerParameters`.
    """

    rated_w: Floats
    idle: Floats
    run: Floats
    memory: Floats
    compute: Floats

    @property
    def idle_w(self) -> Floats:
        """Power of a replica that waits, watts, shape (n,)."""
        return self.rated_w * self.idle

    def take(self, indices: NDArray[np.intp]) -> PowerModel:
        """Return the replicas at `indices`, in that order."""
        return PowerModel(
            *(a[indices] for a in (self.rated_w, self.idle, self.run, self.memory, self.compute))
        )

    def running_w(self, memory_activity: Floats, compute_activity: Floats) -> Floats:
        """Return the power while steps run, watts, shape (n,).

        Parameters
        ----------
        memory_activity, compute_activity
            Shares of the peaks, averaged over the time in which steps run, shape (n,), >= 0.
        """
        exponent = self.run + self.memory * memory_activity + self.compute * compute_activity
        share = self.idle - (1.0 - self.idle) * np.expm1(-exponent)
        return np.asarray(self.rated_w * share, dtype=float)


def power_model(
    parameters: Sequence[PowerParameters], tdp_w: Sequence[float], devices: Sequence[int]
) -> PowerModel:
    """Return the power model of replicas with `devices` accelerators of `tdp_w` watts each.

    Raises
    ------
    ValueError
        When a rated power is not above 0.
    """
    rated = np.asarray(tdp_w, dtype=float)
    wrong = rated[~(rated > 0)]
    if wrong.size:
        msg = f"tdp_w is {float(wrong[0])}; accepted: above 0"
        raise ValueError(msg)
    columns = (np.array([getattr(p, name) for p in parameters], dtype=float) for name in _NAMES)
    return PowerModel(rated * np.asarray(devices, dtype=float), *columns)


@dataclass(frozen=True, slots=True)
class ServingPower:
    """Runs the power model on n options that serve one class; every field is of n options.

    Parameters
    ----------
    step, engine, ideal, model
        Step times, engine settings, ideal times and power of the options.
    table
        Their batch over the rate.
    means
        Moments of the class.
    """

    step: StepModel
    engine: EngineLimits
    ideal: IdealStep
    model: PowerModel
    table: LoadTable
    means: TrafficMeans

    def mean_w(self, rate_rps: Floats) -> Floats:
        """Return the mean power of the accelerators of a replica, watts, shape (n,).

        Parameters
        ----------
        rate_rps
            Requests/s of each replica, shape (n,), >= 0 and at most the highest stable rate.
        """
        batch = self.table.batch_at(np.arange(self.step.options), rate_rps)
        state = replica_state(self.step, self.engine, self.means, rate_rps, batch)
        busy, memory, compute = self._activity(state)
        running_w = self.model.running_w(memory, compute)
        return np.asarray(busy * running_w + (1.0 - busy) * self.model.idle_w, dtype=float)

    def _activity(self, state: ReplicaState) -> tuple[Floats, Floats, Floats]:
        """Return the busy share of time, and the memory and compute activity in it."""
        means, rho = self.means, state.prefill_share
        context, riding = means.context_tokens, state.steps.riding
        # Less than one request on average: one at a time, in part of the time.
        decoding = -np.expm1(-state.batch)
        held = np.where(decoding > 0, state.batch / np.maximum(decoding, _TINY), 1.0)
        decode_share = (1.0 - rho) * decoding
        decode_per_s = decode_share / self.step.time_s(held, held * context, 0.0, held)
        decode_s = self.ideal.times_s(held, held * context, 0.0, held)
        # Prompts that find a step with room share it.
        steps = state.steps.prefill_steps - rho * state.steps.spare_share
        tokens, pairs = means.prefill_tokens / steps, means.prefill_pairs / steps
        prefill_s = self.ideal.times_s(tokens + riding, riding * context, pairs, riding)
        busy = rho + decode_share
        memory, compute = (
            (state.rate_rps * steps * p + decode_per_s * d) / np.maximum(busy, _TINY)
            for p, d in zip(prefill_s, decode_s, strict=True)
        )
        return busy, memory, compute

    def line(self, capacity_rps: Floats) -> PowerLine:
        """Return the power over the load up to `capacity_rps`, shape (n,), > 0."""
        loads_w = np.stack([self.mean_w(capacity_rps * load) for load in _CHECKED_LOADS])
        full_w = loads_w[-1]
        slope_w = (full_w - loads_w[0]) / (1.0 - LOW_LOAD)
        base_w = full_w - slope_w
        straight_w = base_w + slope_w * _CHECKED_LOADS[:, None]
        return PowerLine(
            idle_w=self.model.idle_w,
            base_w=base_w,
            capacity_w=full_w,
            marginal_energy_per_request_j=slope_w / capacity_rps,
            error=np.abs(straight_w / loads_w - 1.0).max(axis=0),
        )


@dataclass(frozen=True, slots=True)
class PowerLine:
    """Power of the accelerators of n replicas over their load; arrays of shape (n,).

    Parameters
    ----------
    idle_w
        Up and without requests, watts.
    base_w
        Intercept of the line that holds from :data:`LOW_LOAD` to all of the capacity, watts.
    capacity_w
        At the capacity, watts.
    marginal_energy_per_request_j
        Slope of the line: what one more request adds, joules. Below 0 where larger batches draw
        less.
    error
        Largest relative difference between the line and the model in that range.
    """

    idle_w: Floats
    base_w: Floats
    capacity_w: Floats
    marginal_energy_per_request_j: Floats
    error: Floats

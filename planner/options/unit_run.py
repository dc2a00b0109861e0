"""Runs of the performance model for a batch of units of prefill and decode instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.options.model_run import REPLICAS, SEED, ModelRun
from planner.options.records import Option
from planner.options.specs import handover_parameters
from planner.perf.disaggregated import Instances, max_unit_rates, unloaded_unit_latencies_s
from planner.perf.handover import handovers
from planner.perf.spec import engine_limits
from planner.perf.step import step_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from planner.catalog.load import Catalog
    from planner.options.units import Unit
    from planner.perf.handover import Handover
    from planner.perf.memory import MemoryFit
    from planner.perf.search import RateResult
    from planner.perf.spec import ReplicaSpec
    from planner.perf.traffic import TrafficClass
    from planner.problem.schema import Policy


class UnitRun(ModelRun):
    """The performance model of units whose instances fit their memory.

    Parameters
    ----------
    units, specs, fits
        Units, and of both sides of each what the model knows of an instance and its memory.
    catalog, policy
        Parameters, and how cautious the plan is.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        specs: Sequence[tuple[ReplicaSpec, ReplicaSpec]],
        fits: tuple[MemoryFit, MemoryFit],
        catalog: Catalog,
        policy: Policy,
    ) -> None:
        replicas = [unit.decode for unit in units]
        super().__init__(replicas, [decode for _, decode in specs], fits[1], catalog, policy)
        self.ways = list(units)
        self.units = list(units)
        self.prefill_fit = fits[0]
        prefill = [spec for spec, _ in specs]
        self.prefill_step, self.prefill_engine = step_model(prefill), engine_limits(prefill)
        self.handover = handovers(specs, [handover_parameters(c, catalog) for c in replicas])

    def rates(
        self,
        rows: NDArray[np.intp],
        load: TrafficClass,
        probes: Sequence[TrafficClass],
        confidence: ArrayLike,
        replicas: Sequence[int] = REPLICAS,
    ) -> RateResult:
        """Return the highest rates of some units at a confidence, for all or for each."""
        return max_unit_rates(
            *self._sides(rows),
            load,
            probes,
            replicas=replicas,
            time_factor=self.time_factors(rows, confidence),
            max_utilization=self.policy.max_utilization,
            samples=self.samples,
            seed=SEED,
        )

    def unloaded_s(self, load: TrafficClass) -> NDArray[np.float64]:
        """Return the limited latencies of a class without load, shape (n, limits), seconds."""
        rows = np.arange(len(self.units))
        return unloaded_unit_latencies_s(
            *self._sides(rows),
            load,
            time_factor=self.time_factors(rows, self.policy.confidence),
            samples=self.samples,
            seed=SEED,
        )

    def _sides(self, rows: NDArray[np.intp]) -> tuple[Instances, Instances, Handover]:
        chosen = [self.units[int(r)].layout for r in rows]
        prefill = Instances(
            self.prefill_step.take(rows),
            self.prefill_fit.take(rows),
            self.prefill_engine.take(rows),
            np.array([float(layout.prefill_instances) for layout in chosen]),
        )
        decode = Instances(
            self.step.take(rows),
            self.fit.take(rows),
            self.engine.take(rows),
            np.array([float(layout.decode_instances) for layout in chosen]),
        )
        return prefill, decode, self.handover.take(rows)

    def option(self, row: int) -> Option:
        """Return the option of a unit."""
        unit = self.units[row]
        layout = unit.layout
        first_bytes = float(self.prefill_fit.weight_bytes_per_gpu[row])
        then_bytes = float(self.fit.weight_bytes_per_gpu[row])
        prefill = layout.prefill_instances * layout.prefill_tensor_parallel
        decode = layout.decode_instances * layout.decode_tensor_parallel
        return Option(
            id=unit.option_id,
            model=unit.model.id,
            quantization=unit.quantization.id,
            engine=unit.engine.id,
            hardware=unit.accelerator.id,
            tensor_parallel=layout.decode_tensor_parallel,
            weight_bytes=first_bytes * prefill + then_bytes * decode,
            kv_capacity_tokens=float(self.fit.kv_capacity_tokens[row]) * layout.decode_instances,
            layout=layout,
        )

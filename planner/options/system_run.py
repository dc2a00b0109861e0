"""The measured points of systems in the place of the performance model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.model_run import ModelRun
from planner.options.systems import system_coefficients
from planner.perf.measured_system import measured_limits, measured_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.options.candidates import Way
    from planner.options.systems import SystemCandidate
    from planner.perf.memory import MemoryFit
    from planner.problem.schema import Policy


class SystemRun(ModelRun):
    """Replicas on systems that fit their memory.

    Parameters
    ----------
    systems, fit
        Replicas, and their memory.
    catalog, policy
        How far their figures are trusted, and how cautious the plan is.
    """

    def __init__(
        self,
        systems: Sequence[SystemCandidate],
        fit: MemoryFit,
        catalog: Catalog,
        policy: Policy,
    ) -> None:
        replicas = [system.replica for system in systems]
        self.ways: list[Way] = list(systems)
        self.fit = fit
        self.step = measured_steps(replicas)
        self.engine = measured_limits(replicas)
        self.coefficients = [
            system_coefficients(s.model.id, s.quantization.id, s.accelerator.id, catalog)
            for s in systems
        ]
        self.policy = policy

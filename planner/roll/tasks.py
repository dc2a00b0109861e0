"""One policy on one path of demand: what it is, where it is solved, and how it is kept."""

from __future__ import annotations

from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from planner.digest import digest_of, software_sha256
from planner.roll.records import Order, PeriodOutcome, PolicyOutcome
from planner.roll.replay import replay
from planner.store import StoredRun
from planner.workers import worker_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from planner.milp import SolverSettings
    from planner.roll.world import World

_DONE, _STOPPED = "replayed", "no_plan"


@dataclass(frozen=True, slots=True)
class Task:
    """A policy to replay.

    Parameters
    ----------
    path
        Number of the path of demand, 0 for the file.
    world
        What is known when, and what comes on that path.
    policy
        Name of the policy.
    settings
        Of every program.
    """

    path: int
    world: World
    policy: str
    settings: SolverSettings

    @property
    def key(self) -> str:
        """Digest of all that decides the outcome."""
        prepared = self.world.prepared
        return digest_of(
            "roll",
            prepared.loaded.document.data,
            prepared.loaded.measured,
            prepared.demand,
            prepared.catalog.sha256,
            self.world.actuals.rates,
            self.world.actuals.prices,
            self.world.forecast,
            self.policy,
            asdict(self.settings),
            software_sha256(),
        )

    def stored(self, outcome: PolicyOutcome) -> StoredRun:
        """Return an outcome as the store keeps it."""
        data = outcome.as_data
        status = _DONE if outcome.cost_usd is not None else _STOPPED
        asked = {"path": self.path, "policy": self.policy, "forecast": self.world.forecast}
        loaded = self.world.prepared.loaded
        asked |= {"scenario": loaded.scenario, "set": list(loaded.assignments)}
        return StoredRun(
            self.key,
            loaded.problem.name,
            asked,
            {**data, "status": status},
            outcome.plan_json or "null",
        )


def outcome_from_data(data: Mapping[str, Any]) -> PolicyOutcome:
    """Return the outcome that `stored` kept, without its plan."""
    values = {key: value for key, value in data.items() if key != "status"}
    values["orders"] = tuple(Order(**row) for row in data["orders"])
    values["periods"] = tuple(PeriodOutcome(**row) for row in data["periods"])
    values["late"] = tuple(data["late"])
    return PolicyOutcome(**values)


def solve_tasks(
    tasks: Sequence[Task], jobs: int, on_outcome: Callable[[int, PolicyOutcome], None]
) -> None:
    """Replay policies, in several processes when there are jobs for more than one.

    Parameters
    ----------
    tasks
        What to replay.
    jobs
        Processes, >= 1.
    on_outcome
        Called with the number of a task and its outcome, in the order in which they are done.

    Raises
    ------
    InternalError
        When a course of decisions breaks a rule of its problem.
    """
    if jobs == 1 or len(tasks) <= 1:
        for number, task in enumerate(tasks):
            on_outcome(number, solve(task))
        return
    with worker_pool(min(jobs, len(tasks)), __name__) as pool:
        running = {pool.submit(solve, task): number for number, task in enumerate(tasks)}
        for future in as_completed(running):
            on_outcome(running[future], future.result())


def solve(task: Task) -> PolicyOutcome:
    """Return what came out of a task."""
    return replay(task.world, task.policy, task.settings)

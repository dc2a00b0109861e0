"""A replay from its first check to its last policy."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.milp import SolverSettings
from planner.roll.checks import checked
from planner.roll.paths import actuals_on_path
from planner.roll.policies import FORESIGHT, POLICIES
from planner.roll.tasks import Task, outcome_from_data, solve_tasks
from planner.roll.world import World
from planner.store import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Literal

    from planner.roll.records import ForecastName, PolicyOutcome

UNSERVED_USD_PER_REQUEST = 1.0
"""Price of a missed request where the problem states none: far above what serving one costs."""
PATH_SPREAD = 0.15
"""Standard deviation of the steps of a random path of demand in a period."""


@dataclass(frozen=True, slots=True)
class RollSettings:
    """How a replay is made.

    Parameters
    ----------
    policies
        Names of `POLICIES`; perfect foresight is always among them.
    forecast
        ``last-seen`` or ``as-stated``.
    paths
        Courses of demand: that of the file, and random ones around it, >= 1.
    path_spread
        Standard deviation of their steps, >= 0.
    unserved_usd_per_request
        Price of a missed request of workloads that state none and whose requests do not wait.
    gap, time_limit_s, seed, solver, log
        Of every program; the seed is that of the paths too.
    jobs
        Processes, >= 1.
    store
        SQLite file of replayed policies: those that it has are not replayed again.
    """

    policies: tuple[str, ...] = tuple(POLICIES)
    forecast: ForecastName = "last-seen"
    paths: int = 1
    path_spread: float = PATH_SPREAD
    unserved_usd_per_request: float = UNSERVED_USD_PER_REQUEST
    gap: float = 0.01
    time_limit_s: float = 60.0
    seed: int = 0
    solver: Literal["highs", "cbc"] = "highs"
    log: bool = False
    jobs: int = 1
    store: Path | None = None

    @property
    def programs(self) -> SolverSettings:
        """Settings of every program."""
        return SolverSettings(
            gap=self.gap,
            time_limit_s=self.time_limit_s,
            seed=self.seed,
            solver=self.solver,
            log=self.log,
        )


@dataclass(frozen=True, slots=True)
class PathOutcome:
    """All policies against one course of demand.

    Parameters
    ----------
    path
        Number of the path, 0 for the file.
    outcomes
        In the order of `POLICIES`, perfect foresight first.
    """

    path: int
    outcomes: tuple[PolicyOutcome, ...]

    def of(self, policy: str) -> PolicyOutcome:
        """Return the outcome of a policy by name."""
        return next(o for o in self.outcomes if o.policy == policy)

    def regret(self, policy: str) -> float | None:
        """Return what a policy costs above perfect foresight, as a fraction of the latter."""
        best, cost = self.of(FORESIGHT).cost_usd, self.of(policy).cost_usd
        return None if best is None or cost is None or best <= 0 else cost / best - 1.0

    def excess(self, policy: str) -> float | None:
        """Return what a policy costs above the proven limit of any, as a fraction of the limit."""
        least, cost = self.of(FORESIGHT).bound_usd, self.of(policy).cost_usd
        return None if least is None or cost is None or least <= 0 else cost / least - 1.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """All policies on all paths.

    Parameters
    ----------
    problem
        Name of the problem.
    world
        What is known when, and what comes on path 0.
    settings
        How it was made.
    priced
        Workloads whose missed requests have the price of the settings.
    paths
        Path 0 first.
    """

    problem: str
    world: World
    settings: RollSettings
    priced: tuple[str, ...]
    paths: tuple[PathOutcome, ...]

    @property
    def policies(self) -> tuple[str, ...]:
        """Names of the policies that were replayed."""
        return tuple(outcome.policy for outcome in self.paths[0].outcomes)


def run_roll(  # noqa: PLR0917
    name: str | Path,
    actuals: Path,
    scenario: str | None = None,
    assignments: Sequence[str] = (),
    overlays: Sequence[Path] = (),
    settings: RollSettings | None = None,
    on_outcome: Callable[[int, int], None] = lambda _done, _all: None,
) -> Replayed:
    """Return what every policy costs when demand and prices come as a file says.

    Parameters
    ----------
    name, scenario, assignments, overlays
        As in :func:`planner.pipeline.solve_problem`.
    actuals
        File of what came.
    settings
        Policies, forecasts, paths, options of the solves.
    on_outcome
        Called with the policies done, and all, whenever one is done.

    Raises
    ------
    InputError
        With every fault of the problem, the catalogues or the file.
    """
    settings = settings or RollSettings()
    usd = settings.unserved_usd_per_request
    asked = checked(name, actuals, scenario, assignments, overlays, usd)
    prepared = asked.prepared
    worlds = [
        World(
            prepared,
            actuals_on_path(asked.actuals, path, settings.path_spread, settings.seed),
            settings.forecast,
        )
        for path in range(settings.paths)
    ]
    chosen = [p for p in POLICIES if p in settings.policies or p == FORESIGHT]
    tasks = [
        Task(path, world, policy, settings.programs)
        for path, world in enumerate(worlds)
        for policy in chosen
    ]
    outcomes = _outcomes(tasks, settings, on_outcome)
    paths = tuple(
        PathOutcome(path, tuple(outcomes[path * len(chosen) : (path + 1) * len(chosen)]))
        for path in range(settings.paths)
    )
    return Replayed(prepared.loaded.problem.name, worlds[0], settings, asked.priced, paths)


def _outcomes(
    tasks: Sequence[Task], settings: RollSettings, on_outcome: Callable[[int, int], None]
) -> list[PolicyOutcome]:
    """Return the outcome of every task, from the store as far as it has them."""
    found: dict[int, PolicyOutcome] = {}
    with ExitStack() as stack:
        store = None if settings.store is None else stack.enter_context(RunStore(settings.store))
        for number, task in enumerate(tasks):
            if store is not None and (data := store.outcome(task.key)) is not None:
                found[number] = outcome_from_data(data)
        left = [number for number in range(len(tasks)) if number not in found]
        on_outcome(len(found), len(tasks))

        def take(position: int, outcome: PolicyOutcome) -> None:
            number = left[position]
            found[number] = outcome
            if store is not None:
                store.add(tasks[number].stored(outcome))
            on_outcome(len(found), len(tasks))

        solve_tasks([tasks[number] for number in left], settings.jobs, take)
    return [found[number] for number in range(len(tasks))]

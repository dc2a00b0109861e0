"""What a problem needs before it is solved: its catalogue, demand and options, all checked.

    catalogue + problem -> demand -> options

Everything that is wrong with any of them is found here, before anything is solved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.catalog.check import catalog_errors
from planner.catalog.load import load_catalog
from planner.catalog.messages import listing_command
from planner.demand.build import build_demand
from planner.diagnosis import impossible_limits
from planner.errors import InputError, as_asked
from planner.finance.incumbent import read_incumbent
from planner.milp import Limits, program_limits
from planner.options.build import build_options
from planner.problem.load import load_problem, scenario_names
from planner.problem.references import reference_faults, resolve_hardware

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from planner.catalog.load import Catalog
    from planner.demand.records import Demand
    from planner.errors import Fault
    from planner.finance.incumbent import Incumbent
    from planner.finance.recorded_orders import RecordedOrders
    from planner.options.records import OptionSet
    from planner.problem.load import LoadedProblem


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked problem, its catalogue and its demand: nothing else is read to solve it."""

    loaded: LoadedProblem
    catalog: Catalog
    demand: Demand


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked problem with everything the program needs."""

    loaded: LoadedProblem
    catalog: Catalog
    demand: Demand
    options: OptionSet
    limits: Limits
    incumbent: Incumbent | RecordedOrders | None = None


def prepare(
    name: str | Path,
    scenario: str | None = None,
    assignments: Sequence[str] = (),
    overlays: Sequence[Path] = (),
    *,
    possible_only: bool = True,
    incumbent: Path | None = None,
    keep_orders: bool = False,
) -> Prepared:
    """Return the checked problem with its demand and options; of a file or shipped problem.

    Parameters
    ----------
    name, scenario, assignments, overlays
        As in :func:`planner.pipeline.solve_problem`.
    possible_only
        Refuse latency limits that no option meets even without load.
    incumbent, keep_orders
        Plan file to begin from: what it has signed stays (:mod:`planner.finance.incumbent`), and
        on request what it orders later.

    Raises
    ------
    InputError
        With every fault of the problem or the catalogues.
    """
    before = None if incumbent is None else read_incumbent(incumbent, keep_orders=keep_orders)
    loaded = load_problem(name, scenario, assignments, overlays)
    before = before and before.at_start_of(loaded.problem)
    if before is not None and (carried := before.assignments(loaded.problem)):
        loaded = load_problem(name, scenario, (*assignments, *carried), overlays)
    prepared = prepare_checked(check_loaded(loaded, overlays))
    impossible = impossible_limits(prepared.options, prepared.loaded) if possible_only else []
    if impossible:
        again = as_asked(str(name), scenario, assignments, overlays)
        raise InputError(impossible, f"planner explain {again}")
    if before is None:
        return prepared
    options = before.held(prepared.options, prepared.demand.grid)
    return replace(prepared, options=options, incumbent=before)


def check_loaded(
    loaded: LoadedProblem,
    overlays: Sequence[Path] = (),
    read_catalog: Callable[[Sequence[Path]], Catalog] = load_catalog,
) -> Checked:
    """Return a problem with its catalogue and demand, after every check that needs no options.

    Parameters
    ----------
    loaded
        The problem.
    overlays
        Catalogue folders that win over those of the problem.
    read_catalog
        Returns the catalogue of overlays.

    Raises
    ------
    InputError
        With every fault of the catalogue, of names that lead nowhere, or of the demand.
    """
    catalog = read_catalog([*loaded.overlays, *overlays])
    loaded = resolve_hardware(loaded, catalog)
    measured = frozenset(row.hardware for row in loaded.measured)
    faults = [
        *reference_faults(loaded, catalog),
        *catalog_errors(catalog, measured),
    ]
    if faults:
        raise InputError(faults, listing_command(faults) or "planner schema problem")
    return Checked(loaded, catalog, build_demand(loaded, catalog))


def prepare_checked(checked: Checked) -> Prepared:
    """Return a checked problem with everything the program needs; reads no file."""
    options = build_options(checked.loaded, checked.catalog, checked.demand)
    limits = program_limits(checked.loaded.problem)
    return Prepared(checked.loaded, checked.catalog, checked.demand, options, limits)


def check_problem(name: str | Path, overlays: Sequence[Path] = ()) -> list[Prepared]:
    """Return the problem and its scenarios after every check that needs no solve.

    Raises
    ------
    InputError
        With every fault of the problem, its scenarios (named in each) and the catalogues.
    """
    checked: list[Prepared] = []
    faults: dict[Fault, str] = {}
    inherited: set[tuple[str, str]] = set()
    for scenario in [None, *scenario_names(name)]:
        try:
            checked.append(prepare(name, scenario, (), overlays))
        except InputError as error:
            label = "" if scenario is None else f"[scenario {scenario}] "
            faults |= {
                replace(fault, path=label + fault.path): error.next_step
                for fault in error.faults
                if (fault.path, fault.message) not in inherited
            }
            inherited |= {(f.path, f.message) for f in error.faults if scenario is None}
    if faults:
        raise InputError(list(faults), next(iter(faults.values())) or "planner schema problem")
    return checked

"""A plan file, verified: audited from the catalogue, then replayed.

The problem is the text that the plan itself holds, with the scenario and the assignments that it
names. Files that the problem refers to are looked for beside the problem file that is named, else
beside the shipped problem of the same text, else in the folder that the plan records, else beside
the plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.catalog.load import load_catalog
from planner.errors import Fault, InputError, did_you_mean
from planner.plan.plan_file import read_plan
from planner.plan.problem_folder import recorded_folder
from planner.problem.deferral import owner
from planner.problem.load import load_document, shipped_problem_folder
from planner.problem.references import resolve_hardware
from planner.units import SECONDS_PER_DAY
from planner.verify.audit import audit
from planner.verify.incurred.run import incurred_cost
from planner.verify.replay.read_trace import read_trace
from planner.verify.replay.run import ReplaySettings, replayed
from planner.verify.stress.run import stress_table
from planner.yaml_io import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem
    from planner.verify.incurred.records import Incurred
    from planner.verify.replay.cases import World
    from planner.verify.replay.records import Replay
    from planner.verify.replay.trace import Trace
    from planner.verify.stress.records import StressSettings, StressTable

NOTHING_VERIFIED = "nothing was verified"


@dataclass(frozen=True, slots=True)
class Verification:
    """What the second opinion on a plan is.

    Parameters
    ----------
    plan
        The plan.
    audit
        Every figure that does not agree, in words.
    replay
        What its requests see; ``None`` when the audit found something, because a plan that
        contradicts itself promises nothing in particular.
    notes
        What the verdict rests on.
    stress
        How its requests fare when the world is harder than the plan assumes; ``None`` where it
        was not asked for. It has no part in the verdict.
    incurred
        What the replayed period costs, beside what the plan says; ``None`` without a replay. It
        has no part in the verdict either.
    """

    plan: Plan
    audit: tuple[str, ...]
    replay: Replay | None
    notes: tuple[str, ...] = ()
    stress: StressTable | None = None
    incurred: Incurred | None = None

    @property
    def kept(self) -> bool | None:
        """Whether every promise is kept; ``None`` when not all of them could be simulated."""
        if self.audit or self.replay is None:
            return False
        return self.replay.kept


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan with the problem that it answers and the catalogue it is held against."""

    plan: Plan
    loaded: LoadedProblem
    catalog: Catalog

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know about the catalogue."""
        if self.catalog.sha256 == self.plan.catalog.get("sha256"):
            return ()
        return (
            "the catalogue is not the one that the plan was made from: figures that have changed "
            "since are reported; name the plan's own overlays with --catalog",
        )

    def stray_text(self) -> tuple[str, ...]:
        """Return a sentence when the text of the problem is not what was solved."""
        if self.loaded.sha256 == self.plan.problem.get("sha256"):
            return ()
        return ("problem.text with its scenario and set is not the problem of problem.sha256",)


def open_plan(
    path: Path, problem_file: Path | None = None, overlays: Sequence[Path] = ()
) -> PlanFile:
    """Return a plan with its problem and a catalogue.

    Parameters
    ----------
    path
        A file that ``planner solve -o`` wrote.
    problem_file
        The problem file, for the files that it refers to.
    overlays
        Catalogue folders that win over those of the problem.

    Raises
    ------
    InputError
        When a file cannot be used, holds no plan, or the problem file has another text.
    """
    try:
        plan = _whole_plan(path)
        loaded = problem_of(plan, path, problem_file)
        catalog = load_catalog([*loaded.overlays, *overlays])
        return PlanFile(plan, resolve_hardware(loaded, catalog), catalog)
    except InputError as error:
        error.outcome = NOTHING_VERIFIED
        raise


def _whole_plan(path: Path) -> Plan:
    plan = read_plan(path)
    if plan.cost_usd is None:
        message = f"holds no plan to verify: its status is {plan.status}"
        raise InputError([Fault(str(path), None, None, "status", message)])
    return plan


def verify_plan(
    opened: PlanFile,
    settings: ReplaySettings | None = None,
    on_case: Callable[[int, int], None] = lambda _done, _all: None,
    stress: StressSettings | None = None,
    on_stress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Verification:
    """Return the second opinion on a plan.

    Parameters
    ----------
    opened
        The plan with its problem and catalogue.
    settings
        How to replay it.
    on_case, on_stress
        Called with the simulations done, and all, after each.
    stress
        How hard to stress it; ``None`` for not at all.
    """
    problem = opened.loaded.problem
    violations = (*opened.stray_text(), *audit(opened.plan, problem, opened.catalog))
    if violations:
        return Verification(opened.plan, violations, None, opened.notes)
    # Stress adds up the requests of all blocks, so then each is simulated at its own rate.
    asked = replace(settings or ReplaySettings(), carry=True, share=stress is None)
    found = replayed(opened.plan, opened.loaded, opened.catalog, asked, on_case)
    table = None
    if stress is not None:
        base = found
        if any(block.is_carried for w in found.replay.workloads for block in w.blocks):
            # Under stress blocks are replayed by themselves, and so is what is put beside it.
            alone = replace(asked, carry=False, turns=not asked.full)
            base = replayed(opened.plan, opened.loaded, opened.catalog, alone)
        table = stress_table(base, stress, asked, on_stress)
    incurred = incurred_cost(found.world, asked.seed, asked.seeds, full=asked.full)
    notes = (*opened.notes, *_recorded_rates(found.world))
    return Verification(opened.plan, (), found.replay, notes, table, incurred)


def _recorded_rates(world: World) -> Iterator[str]:
    """Yield how recorded rates compare with those that the plan counts on."""
    for name, trace in world.traces.items():
        if trace.keeps_rate:
            own = [w for w in world.demand.workloads if owner(w.workload) == name]
            shares = world.demand.grid.shares_of_period
            periods = zip(*(w.mean_rps @ shares for w in own), strict=True)
            ratios = sorted({f"{trace.rate_rps / sum(rate):.3g}" for rate in periods}, key=float)
            times = " to ".join(dict.fromkeys((ratios[0], ratios[-1])))
            yield (
                f"{name} comes as recorded, {trace.rate_rps * SECONDS_PER_DAY:,.0f} requests a "
                f"day: {times} times the mean that the plan counts on"
            )


def traces_of(
    problem: Problem,
    stated: Sequence[str],
    read: Callable[[str], Path],
    *,
    keep_rates: bool = False,
) -> Mapping[str, Trace]:
    """Return the traces that replace the requests of workloads.

    Parameters
    ----------
    problem
        The problem, for the names of its workloads.
    stated
        ``FILE``, or ``WORKLOAD=FILE`` where there are several workloads.
    read
        Makes a path of a name.
    keep_rates
        Whether their requests come at the recorded rate.

    Raises
    ------
    InputError
        When a workload is unknown, missing or named twice, or a file is no trace.
    """
    names = [w.name for w in problem.workloads]
    traces: dict[str, Trace] = {}
    faults: list[Fault] = []
    for text in stated:
        name, file = _named(text, names)
        message = _why_not(name, text, names, traces)
        if message:
            faults.append(Fault("", None, None, f"--trace {text}", message))
            continue
        try:
            trace = read_trace(read(file))
            traces[name or names[0]] = replace(trace, keeps_rate=keep_rates)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults, "planner verify --help", NOTHING_VERIFIED)
    return traces


def _named(text: str, names: Sequence[str]) -> tuple[str | None, str]:
    head, mark, tail = text.partition("=")
    if mark and (head in names or len(names) > 1):
        return head, tail
    return (None, text) if len(names) > 1 else (names[0], text)


def _why_not(
    name: str | None, text: str, names: Sequence[str], taken: Mapping[str, Trace]
) -> str | None:
    if name is None:
        listing = ", ".join(names)
        return f"say whose requests these are, WORKLOAD={text}; workloads: {listing}"
    if name not in names:
        return f"no workload `{name}`{did_you_mean(name, names)}; workloads: {', '.join(names)}"
    return f"workload {name} has a trace already" if name in taken else None


def problem_of(
    plan: Plan, path: Path, problem_file: Path | None = None, changes: Sequence[str] = ()
) -> LoadedProblem:
    """Return the problem whose text a plan holds.

    Parameters
    ----------
    plan, path
        The plan and its file.
    problem_file
        The problem file, for the files that it refers to.
    changes
        Further ``PATH=VALUE`` changes, on top of those of the plan.

    Raises
    ------
    InputError
        When the plan holds no text, or with every fault of the problem.
    """
    text, name = plan.problem.get("text"), f"problem of {path}"
    scenario, assignments = plan.problem.get("scenario"), plan.problem.get("set", [])
    if not isinstance(text, str) or not isinstance(assignments, list):
        message = "the plan does not hold the text of its problem; solve again"
        raise InputError([Fault(str(path), None, None, "problem.text", message)])
    if problem_file is not None:
        folder = _folder_of(problem_file, text)
    else:
        folder = (
            shipped_problem_folder(text) or recorded_folder(plan, path) or path.resolve().parent
        )
    try:
        return load_document(
            parse_yaml(text, name), folder, scenario, [*map(str, assignments), *changes]
        )
    except InputError as error:
        error.next_step = f"planner verify {path} --problem FILE, when FILE has what is missing"
        raise


def _folder_of(problem_file: Path, text: str) -> Path:
    try:
        same = problem_file.read_text(encoding="utf-8-sig") == text
    except (OSError, ValueError) as error:
        message = f"cannot be read: {error}"
        raise InputError([Fault(str(problem_file), None, None, "", message)]) from error
    if not same:
        message = "has another text than the problem in the plan; name the file that was solved"
        raise InputError([Fault(str(problem_file), None, None, "", message)])
    return problem_file.resolve().parent

"""Faults that no single field shows: contradictions inside a problem, before any catalogue.

Each check yields the path of the value and a sentence with the value and the way out.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Any

from planner.errors import counted
from planner.problem.contract_semantics import contract_findings
from planner.problem.day_types import day_type_findings, shared_day_type_findings
from planner.problem.deferral import deferral_findings
from planner.problem.escalation import escalation_findings
from planner.problem.exclusion import exclusion_findings
from planner.problem.growth import growth_findings
from planner.problem.headroom import headroom_findings
from planner.problem.hours import hours_findings
from planner.problem.mention import Mention
from planner.problem.price_paths import price_path_findings
from planner.problem.profiles import profile_findings
from planner.problem.resale import resale_findings
from planner.problem.scenario_tree import tree_findings
from planner.problem.supply import Budget, HorizonBudget, months_between
from planner.problem.token_semantics import token_findings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from planner.problem.schema import (
        Arrival,
        Lengths,
        Marginal,
        PrefixCache,
        Problem,
        Slo,
        Speculation,
        Workload,
    )
    from planner.problem.section import Section
    from planner.yaml_io import Path_

    Finding = tuple[Path_, str]

_MEAN_TOLERANCE = 0.01
"""By which the mean of rate factors may miss 1, relative: they are rounded."""
_LATER_FIELDS = {
    "priority": "priority classes (a higher `unserved_penalty_usd_per_request` goes first)",
    "goodput_min": "a goodput floor (state percentiles in `slo` instead)",
}
_DEPENDS = {
    "growth_per_period": ("horizon",),
    "length_growth_per_period": ("horizon",),
    "headroom": ("horizon", "time_blocks"),
    "excluded_options": ("horizon", "time_blocks"),
    "quality": ("candidates",),
    "escalation": ("candidates", "policy"),
    "speculation": ("candidates",),
    "lengths": ("performance",),
}
"""Sections that the checks of a field compare it with."""


def semantic_faults(problem: Problem) -> list[Finding]:
    """Return every contradiction of a problem, in file order."""
    faults = list(_duplicate_workloads(problem))
    for index, workload in enumerate(problem.workloads):
        path: Path_ = ("workloads", index)
        faults += _arrival(workload.arrival, (*path, "arrival"))
        faults += growth_findings(workload, problem, path)
        faults += headroom_findings(workload, problem, path)
        faults += exclusion_findings(workload, problem, path)
        faults += _lengths(workload, problem.performance is not None, path)
        faults += _slos(workload.slo, (*path, "slo"))
        faults += _quality(workload, problem, path)
        faults += _unserved(workload, path)
        faults += deferral_findings(workload, path)
        faults += escalation_findings(workload, problem, path)
        if workload.escalation is not None:
            faults += _slos(workload.escalation.slo or [], (*path, "escalation", "slo"))
        faults += _later(workload, _LATER_FIELDS, path)
        if workload.speculation is not None:
            drafts = problem.candidates.speculative_decoding
            faults += _speculation(workload.speculation, drafts, (*path, "speculation"))
        if workload.prefix_cache is not None:
            faults += _prefix_cache(workload.prefix_cache, (*path, "prefix_cache"))
    faults += shared_day_type_findings(problem)
    faults += _residencies(problem)
    faults += _problem_wide(problem)
    return faults


def independent_of(findings: list[Finding], faulty: Collection[Path_]) -> list[Finding]:
    """Return the findings that cannot be a mere consequence of a fault at another path.

    Parameters
    ----------
    findings
        Contradictions of a problem from which the values at `faulty` were taken out.
    faulty
        Paths of values that the schema refused.
    """
    return [
        finding
        for finding in findings
        if not any(_touches(finding[0], bad) or _rests_on(finding[0], bad) for bad in faulty)
    ]


def _touches(path: Path_, bad: Path_) -> bool:
    shorter = min(len(path), len(bad))
    return path[:shorter] == bad[:shorter]


def _rests_on(path: Path_, bad: Path_) -> bool:
    sections = {section for part in path for section in _DEPENDS.get(str(part), ())}
    return bool(bad) and bad[0] in sections


def _duplicate_workloads(problem: Problem) -> Iterator[Finding]:
    counts = Counter(w.name for w in problem.workloads)
    for index, workload in enumerate(problem.workloads):
        if counts[workload.name] > 1:
            message = (
                f"`{workload.name}` names {counts[workload.name]} workloads; rename all but one"
            )
            yield ("workloads", index, "name"), message


def _arrival(arrival: Arrival, path: Path_) -> Iterator[Finding]:
    rates = (arrival.requests_per_day, arrival.mean_rate_rps)
    if rates == (None, None):
        yield path, "no rate; give `requests_per_day` or `mean_rate_rps`"
    elif None not in rates:
        yield (*path, "mean_rate_rps"), "both rate fields are given; keep one"
    yield from profile_findings(arrival.profile, (*path, "profile"))
    yield from day_type_findings(arrival, path)
    yield from _within_hour(arrival, path)


def _within_hour(arrival: Arrival, path: Path_) -> Iterator[Finding]:
    stated = arrival.model_fields_set
    factors = arrival.rate_factors
    if arrival.interarrivals is not None and "interarrival_cv" in stated:
        yield (*path, "interarrival_cv"), "`interarrivals` is given too; keep one"
    if factors is None:
        return
    if "peak_factor_in_hour" in stated:
        yield (*path, "peak_factor_in_hour"), "`rate_factors` replaces it; keep one"
    mean = fmean(factors)
    if abs(mean - 1) > _MEAN_TOLERANCE:
        yield (*path, "rate_factors"), f"has mean {mean:.4g}; divide each by it, so that it is 1"


def _lengths(workload: Workload, measured: bool, path: Path_) -> Iterator[Finding]:
    lengths = workload.lengths
    if lengths is None:
        if not measured:
            message = "`lengths` is required unless `performance` measures the capacities"
            yield (*path, "lengths"), message
        return
    path = (*path, "lengths")
    yield from _length_source(lengths, path)
    for field in ("isl_tokens", "osl_tokens"):
        marginal = getattr(lengths, field)
        if marginal is not None:
            yield from _marginal(marginal, (*path, field))


def _length_source(lengths: Lengths, path: Path_) -> Iterator[Finding]:
    histogram = lengths.joint is not None or lengths.ref is not None
    if lengths.joint is not None and lengths.ref is not None:
        yield (*path, "ref"), "`joint` and `ref` are both given; keep one histogram"
    if lengths.name is not None and lengths.ref is None:
        yield (*path, "name"), "`name` picks a histogram of `ref`, which is missing"
    for field in ("isl_tokens", "osl_tokens"):
        if getattr(lengths, field) is None and not histogram:
            yield path, f"`{field}` is missing; give it, or a histogram by `joint` or `ref`"


def _marginal(marginal: Marginal, path: Path_) -> Iterator[Finding]:
    known = [(n, getattr(marginal, n)) for n in ("p50", "p95", "p99", "max")]
    stated = [(n, v) for n, v in known if v is not None]
    for (low_name, low), (high_name, high) in pairwise(stated):
        if low > high:
            message = f"{low_name} {low:g} is above {high_name} {high:g}; percentiles must rise"
            yield (*path, high_name), message
    if stated and marginal.max is None:
        yield path, "percentiles need `max` as the upper end of the distribution"
    if marginal.max is None:
        return
    if marginal.mean > marginal.max:
        message = f"mean {marginal.mean:g} is above max {marginal.max:g}; correct one of the two"
        yield (*path, "mean"), message
        return
    low, high = marginal.mean_range_tokens
    rising = [v for _, v in marginal.knots] == sorted(v for _, v in marginal.knots)
    if rising and not marginal.mean_is_reachable:
        message = (
            f"mean {marginal.mean:g} cannot be reached: these percentiles allow {low:.0f} to "
            f"{high:.0f}; correct the mean or a percentile"
        )
        yield (*path, "mean"), message


def _speculation(stated: Speculation, drafts: str | list[str], path: Path_) -> Iterator[Finding]:
    if (stated.text is None) == (stated.tokens_per_step is None):
        yield path, "give exactly one of `text` and `tokens_per_step`"
    one = isinstance(drafts, list) and len(drafts) == 1
    if stated.tokens_per_step is not None and not one:
        message = (
            "holds for the draft it was measured with; name that one in "
            "`candidates.speculative_decoding`, as in `[mtp-1]`"
        )
        yield (*path, "tokens_per_step"), message


def _prefix_cache(cache: PrefixCache, path: Path_) -> Iterator[Finding]:
    if (cache.hit_rate is None) == (cache.curve is None):
        yield path, "give exactly one of `hit_rate` and `curve`"
    for index, (tokens, rate) in enumerate(cache.curve or ()):
        if rate >= 1:
            yield (*path, "curve", index, 1), f"hit rate {rate:g} is not below 1"
        if not tokens and rate:
            yield (*path, "curve", index, 1), f"a cache of no tokens has no hits, not {rate:g}"
    for index, ((small, low), (large, high)) in enumerate(pairwise(cache.curve or ()), start=1):
        if large <= small:
            message = f"{large:g} tokens after {small:g}; sizes of the cache must rise"
            yield (*path, "curve", index, 0), message
        if high < low:
            message = f"hit rate {high:g} after {low:g}; a larger cache never finds less"
            yield (*path, "curve", index, 1), message


def _slos(slos: list[Slo], path: Path_) -> Iterator[Finding]:
    seen: dict[tuple[str, Any], int] = {}
    for index, slo in enumerate(slos):
        key = (slo.metric, slo.percentile)
        if key in seen:
            at = slo.percentile if isinstance(slo.percentile, str) else f"p{slo.percentile:g}"
            what = f" ({slo.metric} at {at}); keep the tighter"
            yield (*path, index), Mention("repeats ", (*path, seen[key]), what)
        seen[key] = index
        if slo.window == "day":
            yield (*path, index, "window"), _not_planned("limits over the day")


def _quality(workload: Workload, problem: Problem, path: Path_) -> Iterator[Finding]:
    many = len(problem.candidates.models) != 1
    for index, floor in enumerate(workload.quality):
        here: Path_ = (*path, "quality", index)
        if (floor.min_score is None) == (floor.min_relative is None):
            yield here, "give exactly one of `min_score` and `min_relative`"
        if floor.min_relative is not None and floor.reference is None and many:
            message = (
                "`min_relative` needs `reference` when more than one model is a candidate; "
                "else every model passes against itself"
            )
            yield here, message


def _unserved(workload: Workload, path: Path_) -> Iterator[Finding]:
    if workload.deferrable is not None and workload.unserved_penalty_usd_per_request is not None:
        message = (
            "is not planned together with `deferrable`; make two workloads of it, or keep one"
        )
        yield (*path, "unserved_penalty_usd_per_request"), message


def _residencies(problem: Problem) -> Iterator[Finding]:
    for index, workload in enumerate(problem.workloads):
        if isinstance(workload.residency, list) and not workload.residency:
            message = "is empty; give at least one region, or `any`"
            yield ("workloads", index, "residency"), message


def _not_planned(what: str) -> str:
    return f"this version does not plan {what}; leave the field out"


def _later(section: Section, fields: dict[str, str], path: Path_) -> Iterator[Finding]:
    for field, meaning in fields.items():
        if getattr(section, field) not in (None, []):
            yield (*path, field), _not_planned(meaning)


def _by_period(problem: Problem) -> Iterator[Finding]:
    path: Path_ = ("limits", "budget_usd_per_period")
    budget = problem.limits.budget_usd_per_period
    kinds: list[tuple[Path_, object]] = [(path, budget)]
    if isinstance(budget, Budget):
        kinds = [((*path, name), getattr(budget, name)) for name in Budget.model_fields]
        if all(value is None for _, value in kinds):
            yield path, "is empty; give `cash`, `capex` or `opex`"
    whole = problem.limits.budget_usd
    if isinstance(whole, HorizonBudget) and not whole.model_dump(exclude_none=True):
        yield ("limits", "budget_usd"), "is empty; give `cash`, `capex` or `opex`"
    kinds.append((("limits", "carbon_kg_per_period"), problem.limits.carbon_kg_per_period))
    for here, value in kinds:
        if isinstance(value, list) and len(value) != problem.horizon.periods:
            message = (
                f"has {counted(len(value), 'figure')} for "
                f"{counted(problem.horizon.periods, 'period')}; give one for all, or a list of "
                f"{problem.horizon.periods}"
            )
            yield here, message


def _one_off_costs(problem: Problem) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for index, cost in enumerate(problem.one_off_costs):
        if cost.model in seen:
            other: Path_ = ("one_off_costs", seen[cost.model])
            message = Mention("repeats ", other, f", `{cost.model}`; add the two up")
            yield ("one_off_costs", index, "model"), message
        seen.setdefault(cost.model, index)


def _existing(problem: Problem) -> Iterator[Finding]:
    for index, nodes in enumerate(problem.supply.existing):
        is_over = nodes.until is not None and nodes.until <= problem.horizon.start
        if is_over:
            message = (
                f"{nodes.until} is not after the start of the horizon, {problem.horizon.start}; "
                "take the nodes out"
            )
            yield ("supply", "existing", index, "until"), message
        until = None if is_over else nodes.until
        if nodes.since is not None and (text := _not_a_start(nodes.since, until, problem)):
            yield ("supply", "existing", index, "since"), text
        yield from hours_findings(nodes, problem, ("supply", "existing", index, "hours"))
        yield from resale_findings(nodes, problem, ("supply", "existing", index, "resale"))
        if nodes.needs_people and nodes.tenure != "owned":
            message = f"nodes of tenure `{nodes.tenure}` have no people of their own; take it out"
            yield ("supply", "existing", index, "needs_people"), message


def _not_a_start(since: str, until: str | None, problem: Problem) -> str:
    """Return why nodes on order cannot begin in their month, empty when they can."""
    horizon = problem.horizon
    months = months_between(horizon.start, since)
    if until is not None and until <= since:
        return f"{since} is not before {until}, the first month without them"
    if months >= horizon.periods * horizon.months_per_period:
        return f"{since} is after the horizon; take the nodes out"
    if months > 0 and months % horizon.months_per_period:
        return (
            f"{since} lies within a period of {horizon.months_per_period} months from "
            f"{horizon.start} on; state the first month of a period"
        )
    return ""


def _problem_wide(problem: Problem) -> Iterator[Finding]:
    policy = problem.policy
    if policy.survive_loss_of is None and "survive_share" in policy.model_fields_set:
        message = "has no effect without `survive_loss_of`; give `provider` or `region` there"
        yield ("policy", "survive_share"), message
    limits = problem.limits
    if limits.carbon_kg_per_period is None and "api_carbon" in limits.model_fields_set:
        message = "has no effect without `carbon_kg_per_period`; give the limit, or leave it out"
        yield ("limits", "api_carbon"), message
    yield from _one_off_costs(problem)
    yield from _by_period(problem)
    yield from _existing(problem)
    yield from token_findings(problem)
    yield from contract_findings(problem)
    yield from price_path_findings(problem)
    if not problem.supply.tenures:
        yield ("supply", "tenures"), "is empty; give at least one, for example [on_demand]"
    for name, patch in problem.scenarios.items():
        for key in sorted({"scenarios", "schema_version"} & set(patch)):
            yield ("scenarios", name, key), f"a scenario cannot change `{key}`; take it out"
    yield from tree_findings(problem)

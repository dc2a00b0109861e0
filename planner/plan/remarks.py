"""What a reader must know beside the tables: what binds, and on which assumptions it rests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from planner.catalog.systems import VENDOR_ENGINE
from planner.errors import counted
from planner.options.idle_ends import idle_ends
from planner.options.idle_people import idle_people
from planner.options.nodes import PLANNED_TENURES
from planner.options.old_prices import old_prices
from planner.options.owned import OWNED
from planner.plan.changeover_notes import changeover_notes
from planner.plan.deployment_notes import deployment_notes, stream_of
from planner.plan.document import Binding
from planner.plan.fleet_notes import fleet_notes
from planner.plan.headroom import headroom_notes
from planner.plan.rent_notes import rent_notes
from planner.plan.spend import spend_notes
from planner.plan.spot_notes import spot_notes
from planner.plan.staff import API, STAFF
from planner.plan.tables import point_at
from planner.plan.term_notes import term_notes
from planner.plan.unit_figures import unit_notes
from planner.plan.volumes import volume_notes
from planner.problem.deferral import owner
from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.options.records import OptionSet
    from planner.plan.document import Plan
    from planner.problem.schema import Problem

_FIRST_TOKEN = "ttft"
_TIGHT_SHARE = 1 / 1.6
"""Share of a limit without load from which on capacities were seen to be optimistic."""
_BURSTY_CV, _TIGHT_SHARE_OF_BURSTS = 1.5, 1 / 4
"""Bursts, and the share from which on their capacities were seen to be optimistic."""


class Priced(Protocol):
    """A shadow price of the program."""

    @property
    def what(self) -> str:
        """Family of the limit."""

    @property
    def where(self) -> str:
        """Place in the user's words."""

    @property
    def usd_per_unit(self) -> float:
        """Value of one unit more."""

    @property
    def unit(self) -> str:
        """Unit of the limit."""


def binding_rows(plan: Plan, options: OptionSet, prices: Iterable[Priced]) -> tuple[Binding, ...]:
    """Return what binds: limits with a shadow price, and what stops each option that is used."""
    priced = [Binding(p.what, p.where, p.usd_per_unit, p.unit) for p in prices]
    capacity_of = {(c.workload, c.option_id): c for c in options.capacities}
    stops: dict[tuple[str, str], None] = {}
    for row in plan.allocations:
        point = point_at(
            capacity_of[stream_of(row), row.option_id], row.replicas, (row.period, row.block)
        )
        stops[row.option_id, point.limit] = None
    return (*priced, *(Binding("replica rate", where, None, limit) for where, limit in stops))


def plan_warnings(plan: Plan, problem: Problem, options: OptionSet) -> tuple[str, ...]:
    """Return what the plan assumes or cannot prove, only where the plan depends on it."""
    notes = list(plan.warnings)
    later = [t for t in problem.supply.tenures if t not in (*PLANNED_TENURES, "api")]
    if later:
        notes.append(
            f"tenures {', '.join(later)} are not planned by this version; "
            "a plan that uses them may be cheaper"
        )
    notes += headroom_notes(plan, problem)
    notes += _token_notes(plan, problem)
    notes += _rate_limit_notes(plan, problem) + unit_notes(plan, problem, options)
    notes += rent_notes(plan, problem, options)
    notes += spend_notes(plan, problem, options) + volume_notes(plan)
    notes += deployment_notes(plan, options)
    notes += _queue_notes(plan, problem, options)
    notes += old_prices(problem, options)
    notes += fleet_notes(plan, problem, options)
    notes += spot_notes(plan, problem, options) + changeover_notes(plan, problem)
    notes += _purchase_notes(plan, options) + term_notes(plan, problem)
    notes += refused_servers(problem, options)
    notes += _owned_notes(plan, options)
    notes += _people_notes(plan, options) + idle_people(problem, options)
    notes += idle_ends(problem)
    notes += _electricity_notes(problem)
    notes += _hours_notes(plan)
    notes += _sale_notes(plan)
    assumed = {(a.provider, a.model, a.mode) for a in options.api if a.assumed_latency}
    if any((row.provider, row.model, row.mode) in assumed for row in plan.api):
        notes.append(
            "API latencies are assumed to keep the limits; no provider states them. Where a "
            "provider states no number format, its quality is taken to be that of bf16"
        )
    systems = sorted({r.hardware for r in plan.allocations if r.engine == VENDOR_ENGINE})
    if systems and not problem.performance:
        notes.append(
            f"capacity on {', '.join(systems)} rests on readings that others published "
            "(systems.csv): measure before signing"
        )
    default = sorted(
        {r.hardware for r in plan.allocations if r.coefficient_origin == "class_default"}
        - set(systems)
    )
    if default:
        notes.append(
            f"capacity on {', '.join(default)} rests on class defaults, not on measurements of "
            "this accelerator: measure before signing"
        )
    return tuple(dict.fromkeys(notes))


def _token_notes(plan: Plan, problem: Problem) -> list[str]:
    """Return a note for models whose tokens are taken to be those of the stated lengths."""
    used = sorted(
        {(r.workload, r.model) for r in plan.allocations}
        | {(r.workload, r.model) for r in plan.api}
    )
    counted = {w.name: w for w in problem.workloads if w.lengths is not None}
    return [
        f"{workload}: lengths are taken to be tokens of {model}; give token_factors if another "
        "tokenizer counted them"
        for workload, model in used
        if workload in counted and model not in counted[workload].token_factors
    ]


def _rate_limit_notes(plan: Plan, problem: Problem) -> list[str]:
    """Return a note for rates whose minutes are above what is held against a rate limit."""
    supply = problem.supply
    if notes := tokens_not_asked(problem):
        return notes
    limited = {limit.provider for limit in supply.api_limits}
    sending = sorted({row.workload for row in plan.api if row.provider in limited})
    return [
        f"{name}: rate limits of tokens are held against its planned rate, which `rate_factors` "
        f"exceed in some minutes (by up to {max(factors):g} times)"
        for name in sending
        if (factors := problem.workload(name).arrival.rate_factors) and max(factors) > 1
    ]


def tokens_not_asked(problem: Problem) -> list[str]:
    """Return a note when a problem limits tokens that it does not ask for.

    Parameters
    ----------
    problem
        The problem, for its supply.
    """
    supply = problem.supply
    if not (supply.api_limits or supply.provisioned) or "api" in supply.tenures:
        return []
    return [
        "supply.api_limits and supply.provisioned are for tokens, which are not among "
        "supply.tenures"
    ]


def refused_servers(problem: Problem, options: OptionSet) -> list[str]:
    """Return why servers that the problem names are not on offer, and whether none is at all.

    Parameters
    ----------
    problem
        The problem, for its `supply.servers`.
    options
        Its options, with what was rejected.
    """
    named = {f"{OWNED}:{name}" for name in problem.supply.servers}
    if named:
        return [
            f"{r.subject} is left out, though supply.servers names it: {r.detail}"
            for r in options.rejections
            if r.subject in named
        ]
    bought = [offer for offer in options.offers if offer.offer_id.startswith(f"{OWNED}:")]
    if OWNED not in problem.supply.tenures or bought:
        return []
    return [
        "supply.tenures has owned, and no server can be bought that serves within the horizon; "
        "`planner options PROBLEM --rejected` says why"
    ]


def _queue_notes(plan: Plan, problem: Problem, options: OptionSet) -> list[str]:
    """Return where a capacity rests on waits that are hard to foresee.

    Close to the latency without load a small error of the wait is a large error of the rate, and
    more so where arrivals come in bursts.
    """
    binding = {
        (row.workload, row.option_id)
        for row in plan.allocations
        for capacity in options.capacities
        if (capacity.workload, capacity.option_id) == (stream_of(row), row.option_id)
        and point_at(capacity, row.replicas, (row.period, row.block)).limit.startswith(
            _FIRST_TOKEN
        )
        and (capacity.ttft_share_unloaded or 0.0)
        > (_TIGHT_SHARE_OF_BURSTS if _comes_in_bursts(problem, row.workload) else _TIGHT_SHARE)
    }
    notes = []
    for name, option_id in sorted(binding):
        cv = problem.workload(name).arrival.interarrival_cv
        bursts = ""
        if _comes_in_bursts(problem, name):
            bursts = f"; in bursts (interarrival_cv {cv:g}) they were several times too high"
        notes.append(
            f"{name} on {option_id}: its limit on the time to the first token is close to what a "
            "request takes without any load; capacities there were up to 40% above those of a "
            f"simulated fleet, and depend on the sample{bursts}: test under load before signing"
        )
    return notes


def _comes_in_bursts(problem: Problem, workload: str) -> bool:
    return problem.workload(workload).arrival.interarrival_cv >= _BURSTY_CV


def _owned_notes(plan: Plan, options: OptionSet) -> list[str]:
    """Return what bought servers cost beside their own rows, and what they are taken not to."""
    bought = [c for c in plan.commitments if c.tenure == OWNED and not c.is_existing]
    if not bought:
        return []
    notes = [
        "bought servers: their network is not sold at the end, and no licences of software are "
        "counted"
    ]
    if options.staff.owned_usd_per_month:
        notes.append(
            "people that bought servers need whatever their number: "
            f"{options.staff.owned_usd_per_month:,.0f} USD per month, in what is paid but not in "
            "the rows of what is taken on"
        )
    if plan.power_prices:
        usd = sum(row.usd for row in plan.power_prices)
        notes.append(
            f"electricity of bought servers beyond the lowest price of the day: {usd:,.0f} USD, "
            "in what is paid and in the figures of commitments, but not in the prices of an hour "
            "in the fleet and in the rows of what is taken on. It follows what they are "
            "modelled to draw in each hour; own nodes are taken to carry load before rented ones"
        )
    return notes


def _people_notes(plan: Plan, options: OptionSet) -> list[str]:
    """Return what people beside rented nodes, tokens and own nodes cost, where they are counted.

    Those that are part of what bought servers cost by themselves are none of them.
    """
    by_node = {o.tenure for o in options.offers if o.staff_usd_per_hour}
    usd: dict[str, float] = {}
    for line in plan.cost_lines:
        if line.category == STAFF and (not line.hardware or line.tenure in by_node):
            hosting = {OWNED: "own nodes", API: "tokens"}.get(line.tenure, "rented nodes")
            usd[hosting] = usd.get(hosting, 0.0) + line.usd
    if set(usd) == {"own nodes"} and OWNED not in by_node:
        return []
    return [
        f"people for {hosting}: {total:,.0f} USD over the horizon, in what is paid (category "
        "staff) but in no price of nodes or tokens"
        for hosting, total in usd.items()
    ]


def _electricity_notes(problem: Problem) -> list[str]:
    """Return that a stated price of electricity changes nothing where nothing can be bought."""
    if problem.supply.electricity_usd_per_kwh is None or OWNED in problem.supply.tenures:
        return []
    return [
        "supply.electricity_usd_per_kwh changes nothing: only servers that the plan may buy pay "
        "it (`owned` in supply.tenures); existing nodes state what is paid for an hour, energy "
        "included"
    ]


def _sale_notes(plan: Plan) -> list[str]:
    """Return which nodes that are there are sold, and what that rests on."""
    return [
        f"{counted(row.nodes, 'node')} of {row.offer_id} sold at the start of {row.sold_month}: "
        "what they bring is stated by the problem, and nobody has promised to pay it"
        for row in plan.commitments
        if row.sold_month is not None
    ]


def _hours_notes(plan: Plan) -> list[str]:
    """Return when nodes of some hours of the day serve, and what has to fit into these."""
    blocks = len(plan.time_blocks) / len({time.day_type for time in plan.time_blocks})
    notes = []
    for row in plan.commitments:
        if not row.hours:
            continue
        there = {r.block for r in plan.fleet if r.offer_id == row.offer_id}
        served_h = HOURS_PER_DAY * len({block % blocks for block in there}) / blocks
        runs = ", ".join(f"{begin:g}-{end:g} h" for begin, end in row.hours)
        notes.append(
            f"{row.offer_id}: there from {runs}; {served_h:g} h of it lie in whole blocks, in "
            "which it serves. Models are taken to be loaded when a block begins, and requests "
            "that run when the hours end have to finish elsewhere: state hours without both"
        )
    return notes


def _purchase_notes(plan: Plan, options: OptionSet) -> list[str]:
    """Return what the catalogue says about the tokens that are bought."""
    bought = {(row.workload, row.provider, row.model, row.mode) for row in plan.api}
    return [
        f"{offer.id}: {offer.note}"
        for offer in options.api
        if offer.note
        and (owner(offer.workload), offer.provider, offer.model, offer.mode) in bought
    ]

"""The program as PuLP objects: variables, and the way rows are added.

Variables by kind (indices: pool p, column c, workload w, API option i, offer o, period t, block
b, model m, hardware type h)::

    n[p,c,t,b]  whole replicas of a column
    y[p,c,t,b]  1 when the bracket is in use; only where several brackets or spares need it
    e[p,c,t,b]  idle replicas of a column (spares only): what its flows leave free
    r[g,t,b]    idle capacity of a pool in replicas of a reference column (spares only)
    f[w,c,t,b]  planned rate of a workload on a column, in the workload's rate unit
    a[w,i,t,b]  planned rate of a workload served by tokens, in the same unit
    d[w,t,b]    rate at which a stream that can wait is served, in the same unit
    q[g,t,k]    backlog at midnight of a day of type k, as a share of a day's work
    x[c,t,b]    batch replicas of a column that start in a block;  g[c,t,b]  that end with it
    j[w,t,b]    planned rate of a workload that its chain of answers takes, same unit
    l[w,t,b]    planned rate of a workload that stays unserved (where it has a price), same unit
    N[o,t,b]    whole nodes of an offer;  s[o,t,b]  nodes started at the beginning of a block
    z[k,t,b]    1 when a node of shape group k is there (spare nodes of several shapes only)
    h[c,a,t,b]  whole replicas of a column at a place (loss of providers or regions only)
    k[w,c,k,t,b]  planned rate of a workload on a column after loss k, same unit as f
    base[o,t]   nodes of an offer that are there all day
    loads[c,t,b]  replicas of the kind of a column that load before a block
    gives[h,k,t,b]  1 when batch replicas are counted after the turn, not before it
    B[o,k]      nodes of a build of an offer, taken on for its term
    staff[t]    1 when owned nodes that count serve, which need people whatever their number
    rentstaff[t], tokenstaff[t]  1 when any rented node is there, and when tokens serve anything
    offerstaff[i,t]  1 when tokens of the offer of API option i serve anything
    serves[w,m,t], moves[w,m,t]  1 when a model serves a workload, and when it begins to
    more[w]     models beyond one that serve a workload in the first period
    M[i,t], F[i,t]  1 when the model of cost i is used, and when it is first paid for
    buy[k,s]    increments of provisioned units k taken on in period s, for their term
    P[k,t,b]    increments of provisioned units that are there;  on[k,t]  1 when there are any
    spend[k,s]  USD per hour of spend commitment k promised in period s, for its term
    C[k,t,b]    USD per hour that is promised;  c[k,o,t,b]  nodes of an offer that it covers
    U[o,t,b]    nodes of an offer that could be covered and are not
    tier[v,t,k]  spending of a month in tier k of volume discount v, in a power of ten of USD
    amount[v,t,k]  tokens of a month in it, in a power of ten of Mtok; only where tokens count
    reached[v,t,k]  1 when it is above the threshold of tier k; or when that tier holds for all
    ordered[o,s]  1 when nodes of an offer are ordered to start in period s; only with a minimum
    at[v,s,k]   1 when terms that start in period s have the price of tier k of volume discount v
    W[h,t,b]    load of bought nodes of a hardware, kW;  Z[h,t,b]  1 when they carry all of it
    u[m], v[h]  1 when a model or a hardware type is used

Names hold positions only, because PuLP maps several characters to ``_`` and names could collide;
:mod:`planner.milp.naming` turns them into sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulp

from planner.milp.costs import node_block_usd, start_usd
from planner.milp.naming import sentences
from planner.milp.turn_sets import turn_groups
from planner.options.builds import shares_least_nodes
from planner.options.owned import OWNED
from planner.plan.staff import counts_as_owned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.milp.sets import Sets
    from planner.milp.turn_sets import TurnGroup
    from planner.options.records import NodeOffer

Terms = dict[pulp.LpVariable, float]
EQ: int = pulp.LpConstraintEQ
LE: int = pulp.LpConstraintLE
GE: int = pulp.LpConstraintGE


@dataclass(frozen=True, slots=True)
class Priced:
    """Rows whose shadow price is reported together.

    Parameters
    ----------
    what, where, unit
        As in :class:`planner.milp.records.ShadowPrice`.
    weights
        Change of the right-hand side of each row per unit, by row name.
    """

    what: str
    where: str
    unit: str
    weights: Mapping[str, float]


@dataclass(slots=True)
class Model:
    """Variables and rows while they are built.

    Parameters
    ----------
    sets
        Index sets and data.
    problem
        The PuLP problem that receives the rows.
    """

    sets: Sets
    problem: pulp.LpProblem
    n: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    y: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    e: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    f: dict[tuple[int, int, int, int], pulp.LpVariable] = field(default_factory=dict)
    a: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    served: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    begun: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    ended: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    chained: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    unserved: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    nodes: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    starts: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    base: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    shapes: dict[frozenset[int], int] = field(default_factory=dict)
    present: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    placed: dict[tuple[int, int, int, int], pulp.LpVariable] = field(default_factory=dict)
    builds: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    staff: dict[tuple[str, int], pulp.LpVariable] = field(default_factory=dict)
    offer_staff: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    used: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    first: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    bought: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    units_there: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    serves: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    moves: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    more: dict[int, pulp.LpVariable] = field(default_factory=dict)
    spend: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    promised: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    any_promised: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    uncovered: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    tiers: dict[tuple[int, int, int], tuple[pulp.LpVariable, float]] = field(default_factory=dict)
    tier_at: dict[tuple[int, int, int], pulp.LpVariable] = field(default_factory=dict)
    own_kw: dict[tuple[str, int, int], pulp.LpVariable] = field(default_factory=dict)
    loading: dict[tuple[tuple[int, ...], int, int], pulp.LpVariable] = field(default_factory=dict)
    turn_groups: tuple[TurnGroup, ...] = ()
    priced: list[Priced] = field(default_factory=list)

    @property
    def changing_offers(self) -> frozenset[int]:
        """Offers whose nodes may change their model at the turn of a block, as positions."""
        return frozenset().union(*(group.offers for group in self.turn_groups))

    def variable(
        self, name: str, upper: float | None = None, *, whole: bool = False, lower: float = 0
    ) -> pulp.LpVariable:
        """Return a new variable from `lower` to `upper`.

        Parameters
        ----------
        name
            Letters, positions and ``_`` only.
        upper
            Upper bound, ``None`` for none.
        whole
            True for an integer.
        lower
            Lower bound, >= 0.
        """
        kind = pulp.LpInteger if whole else pulp.LpContinuous
        return self.problem.add_variable(name, lower, upper, kind)

    def row(self, name: str, terms: Terms, sense: int, rhs: float = 0.0) -> None:
        """Add the row ``terms (sense) rhs``.

        Parameters
        ----------
        name
            Unique; family and positions.
        terms
            Coefficient by variable.
        sense
            ``EQ``, ``LE`` or ``GE``.
        rhs
            Right-hand side.
        """
        expression = pulp.LpAffineExpression(terms)
        row = pulp.LpConstraint(expression, sense, name, rhs)  # type: ignore[no-untyped-call]
        self.problem.addConstraint(row)


@dataclass(frozen=True, slots=True)
class Program:
    """A program ready to solve or to export.

    Parameters
    ----------
    problem
        The PuLP problem, objective in `money_unit_usd`.
    model
        Variables by index.
    money_unit_usd
        Discounted USD of one unit of the objective, a power of ten.
    """

    problem: pulp.LpProblem
    model: Model
    money_unit_usd: float

    @property
    def names(self) -> dict[str, str]:
        """Sentence in the user's words for every variable and row name."""
        rows = self.problem.constraints()
        columns = self.problem.variables()
        return sentences(self.model.sets, [v.name for v in columns] + [r.name for r in rows])


def build_variables(sets: Sets) -> Model:
    """Return a model with the variables of every index that can be non-zero.

    Parameters
    ----------
    sets
        Index sets and data.
    """
    problem = pulp.LpProblem("plan", pulp.LpMinimize)  # type: ignore[no-untyped-call]
    model = Model(sets, problem, turn_groups=turn_groups(sets))
    _replica_variables(model)
    _served_variables(model)
    _api_variables(model)
    _chain_variables(model)
    _unserved_variables(model)
    _node_variables(model)
    return model


def needs_bracket_variable(sets: Sets, column: int, t: int, b: int) -> bool:
    """Say whether a column needs a binary variable to tell that it is in use.

    Parameters
    ----------
    sets
        Index sets and data.
    column, t, b
        Positions of the column, the period and the block.
    """
    own = sets.columns[column]
    siblings = sum(
        1
        for c in sets.columns_of_pool[own.pool]
        if sets.columns[c].option == own.option and sets.n_max[c, t, b] > 0
    )
    return siblings > 1 or own.min_replicas > 1 or sets.has_spares(own.pool)


def _replica_variables(model: Model) -> None:
    sets = model.sets
    for c, column in enumerate(sets.columns):
        for t, b in sets.slots():
            limit = int(sets.n_max[c, t, b])
            if limit == 0:
                continue
            index = f"{column.pool}_{c}_{t}_{b}"
            model.n[c, t, b] = model.variable(f"n_{index}", limit, whole=True)
            if needs_bracket_variable(sets, c, t, b):
                model.y[c, t, b] = model.variable(f"y_{index}", 1, whole=True)
            if sets.has_spares(column.pool):
                model.e[c, t, b] = model.variable(f"e_{index}")
            for w in column.mu_rps[t][b]:
                if sets.planned_rps[w, t, b] > 0:
                    model.f[w, c, t, b] = model.variable(f"f_{w}_{c}_{t}_{b}")


def _served_variables(model: Model) -> None:
    sets = model.sets
    for c, t, b in model.n:
        if sets.is_batch(sets.columns[c].pool) and sets.changeover_blocks > 0:
            model.begun[c, t, b] = model.variable(f"x_{c}_{t}_{b}")
            model.ended[c, t, b] = model.variable(f"g_{c}_{t}_{b}")
    for w in sorted(sets.waiting):
        for t, b in sets.slots():
            most_rps = float(sets.planned_rps[w, t, b])
            if most_rps > 0:
                upper = most_rps / float(sets.rate_unit_rps[w])
                model.served[w, t, b] = model.variable(f"d_{w}_{t}_{b}", upper)


def _api_variables(model: Model) -> None:
    sets = model.sets
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    for i, api in enumerate(sets.options.api):
        w = position[api.workload]
        for t, b in sets.slots():
            if sets.planned_rps[w, t, b] > 0:
                model.a[i, t, b] = model.variable(f"a_{w}_{i}_{t}_{b}")


def _chain_variables(model: Model) -> None:
    sets = model.sets
    for w in sorted({direct for _, direct, _ in sets.chain_streams()}):
        for t, b in sets.slots():
            if sets.planned_rps[w, t, b] > 0:
                most = float(sets.planned_rps[w, t, b] / sets.rate_unit_rps[w])
                model.chained[w, t, b] = model.variable(f"j_{w}_{t}_{b}", most)


def _unserved_variables(model: Model) -> None:
    sets = model.sets
    priced = dict(sets.limits.unserved_usd_per_request)
    for w, rates in enumerate(sets.demand.workloads):
        for t, b in sets.slots() if rates.workload in priced else ():
            if sets.planned_rps[w, t, b] > 0:
                model.unserved[w, t, b] = model.variable(f"l_{w}_{t}_{b}")


def _node_variables(model: Model) -> None:
    sets = model.sets
    needed = {o for c in range(len(sets.columns)) for o in sets.homes[c]}
    changing = model.changing_offers
    for o, offer in enumerate(sets.options.offers):
        there = any(build.fixed_nodes or build.least_nodes for build in offer.builds)
        there = there or sets.elsewhere.get(offer.offer_id, 0) > 0
        if o not in needed and not there:
            continue
        _build_variables(model, o, offer)
        for t, b in sets.slots():
            if node_block_usd(sets.grid, offer, t, b) is None:
                continue
            model.nodes[o, t, b] = model.variable(f"N_{o}_{t}_{b}", whole=True)
            if sets.is_static or sets.grid.blocks == 1 or offer.is_committed:
                continue
            emits = offer.startup_h > 0 and bool(sets.limits.carbon_kg_by_period)
            costs = start_usd(sets.grid, offer, t, b) > 0
            changes = o in changing  # then nodes may give way to new ones, which are whole
            if costs or emits or changes or offer.min_billing_h > sets.grid.block_h:
                model.starts[o, t, b] = model.variable(f"s_{o}_{t}_{b}", whole=changes)
            if (o, t) not in model.base:
                model.base[o, t] = model.variable(f"base_{o}_{t}")


def _build_variables(model: Model, o: int, offer: NodeOffer) -> None:
    """Add the builds of an offer; nodes that are there already are not a choice."""
    options = model.sets.options
    needs_staff = options.staff.owned_usd_per_month > 0
    for k, build in enumerate(offer.builds):
        there = build.fixed_nodes
        least, most = build.least_nodes, build.most_nodes
        if there is not None and not offer.may_be_sold:
            least, most = there, there
        elif there is not None:
            most = there if most is None else min(most, there)
        if shares_least_nodes(offer.builds, k):
            least = 0
        model.builds[o, k] = model.variable(f"B_{o}_{k}", most, whole=True, lower=least)
        for t in range(build.start, build.end):
            counts = needs_staff and counts_as_owned(options, offer, build)
            if counts and (OWNED, t) not in model.staff:
                model.staff[OWNED, t] = model.variable(f"staff_{t}", 1, whole=True)

"""Decisions in a few words, and plans around them, for plan and money tests."""

from __future__ import annotations

from pathlib import Path

from planner.plan.assemble import assemble_plan
from planner.plan.records import Decisions, FlowDecision, NodeDecision, Proof, ReplicaDecision
from planner.problem.load import LoadedProblem
from planner.problem.schema import Problem
from planner.yaml_io import Document
from tests.options.world import catalog

SETTINGS = {"gap": 0.01, "time_limit_s": 60.0, "seed": 7, "solver": "highs"}


def replicas(option_id, count, *, pool="w", period=0, block=0):
    """Return replicas of an option in one block."""
    return ReplicaDecision(pool, option_id, period, block, count, 1)


def flow(supply_id, planned_rps, *, workload="w", period=0, block=0):
    """Return planned rate sent to an option or API."""
    return FlowDecision(workload, supply_id, period, block, planned_rps)


def nodes(offer_id, count, *, period=0, block=0):
    """Return nodes of an offer in one block."""
    return NodeDecision(offer_id, period, block, count)


def decisions(replica_rows=(), flows=(), node_rows=(), api_flows=()):
    """Return everything decided."""
    return Decisions(tuple(replica_rows), tuple(flows), tuple(api_flows), tuple(node_rows))


def proof(bound_usd=None, status="optimal"):
    """Return a proof with a bound."""
    return Proof(status, bound_usd, "highs", "1", 0.5, 10, 20)


def loaded(*names):
    """Return a problem with these workloads."""
    problem = Problem.model_validate(
        {
            "schema_version": 1,
            "name": "small",
            "horizon": {"start": "2027-01"},
            "workloads": [{"name": n, "arrival": {"mean_rate_rps": 1.0}} for n in names or ("w",)],
        }
    )
    return LoadedProblem(problem, Document("p.yaml", "text", {}, {}), Path(), (), None, ())


def plan(demand, options, decided, bound_usd=None, **settings):
    """Return the plan of decisions."""
    return assemble_plan(
        loaded(*(w.workload for w in demand.workloads)),
        catalog(),
        demand=demand,
        options=options,
        decisions=decided,
        proof=proof(bound_usd),
        settings=SETTINGS | settings,
    )

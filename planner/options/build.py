"""Every way to serve the workloads of a problem, and why the others cannot.

Order: nodes that can be rented, replicas that could be built on them, quality and context,
memory and capacity, API tokens, and last the options that others dominate. A table of measured
capacities replaces the replicas and the performance model.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.demand.lengths import percentile_tokens
from planner.options.candidates import buildable
from planner.options.capacity import modelled_capacities
from planner.options.measured import measured_options
from planner.options.nodes import rentable_nodes
from planner.options.prune import prune
from planner.options.quality import QualityBook
from planner.options.records import Option, OptionSet, Rejection
from planner.options.tokens import token_supply

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.demand.records import Demand, LengthDistribution
    from planner.options.candidates import Candidate
    from planner.options.capacity import ModelledOptions
    from planner.options.records import Capacity, NodeOffer
    from planner.options.tokens import TokenSupply
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem, Workload

_CONTEXT_PERCENTILE = 99.0


def build_options(loaded: LoadedProblem, catalog: Catalog, demand: Demand) -> OptionSet:
    """Return everything the program may choose from, with the reasons against the rest."""
    problem = loaded.problem
    nodes, rejected = rentable_nodes(problem, catalog, demand.grid)
    books = {w.name: _book(w, problem, catalog) for w in problem.workloads}
    tokens = [
        token_supply(
            w,
            demand.of(w.name).lengths,
            problem,
            catalog=catalog,
            grid=demand.grid,
            book=books[w.name],
        )
        for w in problem.workloads
    ]
    if loaded.measured:
        considered = len(loaded.measured)
        options, capacities, more = measured_options(
            loaded.measured, problem.candidates, nodes, problem.policy.max_utilization
        )
        rejected += more
        warnings: list[str] = []
    else:
        candidates, more, considered = buildable(problem.candidates, catalog, nodes)
        rejected += more
        modelled = _modelled(problem, catalog, demand, candidates, books)
        options, capacities = list(modelled.options), list(modelled.capacities)
        rejected += modelled.rejections
        warnings = list(modelled.warnings)
    kept, pruned = prune(
        options, capacities, same_model_only=problem.policy.max_models is not None
    )
    return _option_set(
        problem,
        feasible=options,
        kept=kept,
        capacities=capacities,
        nodes=nodes,
        tokens=tokens,
        rejected=rejected,
        pruned=pruned,
        warnings=warnings,
        considered=considered,
    )


def _book(workload: Workload, problem: Problem, catalog: Catalog) -> QualityBook:
    return QualityBook(
        catalog.quality,
        catalog.quantizations,
        workload.quality_scores,
        problem.policy.quality_evidence,
    )


def _modelled(
    problem: Problem,
    catalog: Catalog,
    demand: Demand,
    candidates: list[Candidate],
    books: dict[str, QualityBook],
) -> ModelledOptions:
    usable: dict[str, list[Candidate]] = {}
    quality: dict[tuple[str, str], tuple[tuple[str, float], ...]] = {}
    rejected: list[Rejection] = []
    warnings: list[str] = []
    for workload in problem.workloads:
        gate = _Gate(workload, demand.of(workload.name).lengths, books[workload.name])
        usable[workload.name] = [c for c in candidates if gate.admits(c)]
        rejected += gate.rejections
        warnings += gate.unproven_notes()
        for candidate in usable[workload.name]:
            key = (candidate.model.id, candidate.quantization.id)
            quality[key] = tuple(sorted({*quality.get(key, ()), *gate.scores(candidate)}))
    modelled = modelled_capacities(problem, catalog, demand, usable, quality)
    return modelled.with_context(rejected, warnings)


class _Gate:
    """Residency, context and quality of one workload, with the reasons collected."""

    def __init__(
        self, workload: Workload, lengths: LengthDistribution | None, book: QualityBook
    ) -> None:
        self.workload, self.book = workload, book
        self.rejections: list[Rejection] = []
        self._unproven: dict[tuple[str, str], str] = {}
        self._context = workload.context_max_tokens or _context_need(lengths)

    def admits(self, candidate: Candidate) -> bool:
        """Return whether the workload may use the candidate; remembers why not."""
        reason = self._why_not(candidate)
        if reason is None:
            return True
        code, detail, shortfall = reason
        self.rejections.append(
            Rejection(
                "option",
                candidate.option_id,
                self.workload.name,
                code,
                detail,
                shortfall=shortfall,
            )
        )
        return False

    def scores(self, candidate: Candidate) -> list[tuple[str, float]]:
        """Return the scores of a candidate on the benchmarks the workload asks for."""
        found = []
        for floor in self.workload.quality:
            verdict = self.book.verdict(floor, candidate.model.id, candidate.quantization.id)
            if verdict.score is not None:
                found.append((floor.benchmark, verdict.score.value))
        return found

    def unproven_notes(self) -> list[str]:
        """Return one sentence per model and format that passes a floor without proof."""
        return [
            f"{self.workload.name}: quality of {model} in {quantization} passes unproven: {text}"
            for (model, quantization), text in sorted(self._unproven.items())
        ]

    def _why_not(self, candidate: Candidate) -> tuple[str, str, float | None] | None:
        model = candidate.model
        if self.workload.residency == "on_prem_only":
            detail = "on_prem_only: owned hardware is not planned by this version"
            return "residency", detail, None
        if model.context_tokens < self._context:
            detail = f"context of {model.context_tokens} tokens, needs {self._context}"
            return "context", detail, self._context / model.context_tokens
        for floor in self.workload.quality:
            verdict = self.book.verdict(floor, model.id, candidate.quantization.id)
            if not verdict.passed:
                return verdict.reason, verdict.detail, verdict.shortfall
            if verdict.unproven:
                self._unproven[model.id, candidate.quantization.id] = verdict.detail
        return None


def _context_need(lengths: LengthDistribution | None) -> int:
    if lengths is None:
        return 0
    isl = percentile_tokens(lengths.isl_tokens, lengths.probability, _CONTEXT_PERCENTILE)
    osl = percentile_tokens(lengths.osl_tokens, lengths.probability, _CONTEXT_PERCENTILE)
    return int(isl + osl)


def _option_set(
    problem: Problem,
    *,
    feasible: list[Option],
    kept: list[Option],
    capacities: list[Capacity],
    nodes: list[NodeOffer],
    tokens: list[TokenSupply],
    rejected: list[Rejection],
    pruned: list[Rejection],
    warnings: list[str],
    considered: int,
) -> OptionSet:
    ids = {o.id for o in kept}
    sizes: dict[str, set[int]] = defaultdict(set)
    for option in feasible:
        sizes[option.hardware].add(option.accelerators)
    needed = [
        node
        for node in nodes
        if any(node.accelerators_per_node % size == 0 for size in sizes[node.hardware])
    ]
    return OptionSet(
        options=tuple(kept),
        capacities=tuple(capacities),
        dominated=tuple(o for o in feasible if o.id not in ids),
        offers=tuple(needed),
        api=tuple(option for t in tokens for option in t.usable),
        api_unproven=tuple(option for t in tokens for option in t.unproven),
        rejections=(*rejected, *(r for t in tokens for r in t.rejections)),
        pruned=tuple(pruned),
        warnings=tuple(warnings),
        considered=considered,
        pool_of=tuple((w.name, w.pool_name) for w in problem.workloads),
    )

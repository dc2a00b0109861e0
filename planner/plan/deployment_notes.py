"""How the engines of a plan have to be set: what it promises holds only so."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.problem.deferral import owner, stream_name

if TYPE_CHECKING:
    from planner.options.engine_setting import SpeculationSetting
    from planner.options.records import Capacity, OptionSet
    from planner.plan.document import Allocation, Plan


def stream_of(row: Allocation) -> str:
    """Return the name of the requests of a row."""
    return stream_name(row.workload, row.pool, deferred=row.is_deferred)


def deployment_notes(plan: Plan, options: OptionSet) -> list[str]:
    """Return how the engines have to be set: what is promised holds only so."""
    used = {(stream_of(row), row.option_id) for row in plan.allocations}
    notes = [*_unit_notes(plan, options), *_group_notes(plan, options)]
    mine = [c for c in options.capacities if (c.workload, c.option_id) in used]
    sizes = {(c.option_id, c.setting.chunk_tokens) for c in mine if c.setting}
    several = Counter(option_id for option_id, _ in sizes)
    for capacity in mine:
        setting = capacity.setting
        if setting is None:
            continue
        # Replicas of another pool may be set otherwise.
        whose = f"{capacity.workload} on " if several[capacity.option_id] > 1 else ""
        notes.append(
            f"{whose}{capacity.option_id}: deploy with {setting.chunk_tokens:,} tokens a step"
        )
        notes += _draft_notes(capacity, setting.speculation)
        if setting.prefix_tokens:
            notes.append(
                f"{owner(capacity.workload)} on {capacity.option_id}: "
                f"{setting.prefix_tokens:,.0f} tokens of each replica's KV cache hold prefixes, "
                f"which hold {setting.prefix_hit_rate:.0%} of the prompts; the router has to send "
                "a request to the replica that holds its prefix"
            )
    return notes


def _draft_notes(capacity: Capacity, drafting: SpeculationSetting | None) -> list[str]:
    """Return how to draft, and what the planned acceptance rests on."""
    if drafting is None:
        return []
    weights = f", {drafting.checkpoint}" if drafting.checkpoint else ""
    return [
        f"{capacity.option_id}: deploy with {counted(drafting.draft_tokens, 'draft token')} a "
        f"step ({drafting.method}{weights}); speculation is modelled, not calibrated: measure "
        "before signing",
        f"{capacity.workload} on {capacity.option_id}: tokens a step: {drafting.evidence}",
    ]


def _unit_notes(plan: Plan, options: OptionSet) -> list[str]:
    """Return how replicas that compute prompts and decodes apart are put together."""
    used = {row.option_id for row in plan.allocations}
    notes = []
    for option in options.options:
        layout = option.layout
        if layout is None or option.id not in used:
            continue
        prefill = counted(layout.prefill_instances, "prefill instance")
        decode = counted(layout.decode_instances, "decode instance")
        notes.append(
            f"{option.id}: each replica is {prefill} (tp{layout.prefill_tensor_parallel}) and "
            f"{decode} (tp{layout.decode_tensor_parallel}) on one node, whose scale-up link the "
            "engine's transfer library must use for KV caches; the tokens a step are those of the "
            "prefill instances; one router sends prompts and caches to the instances with the "
            "least work"
        )
    return notes


def _group_notes(plan: Plan, options: OptionSet) -> list[str]:
    """Return how replicas with groups of attention are deployed."""
    used = {row.option_id for row in plan.allocations}
    return [
        f"{option.id}: each replica is {option.data_parallel} groups of "
        f"{counted(option.tensor_parallel, 'accelerator')} with attention and cache of their own; "
        f"whole experts are spread over all {option.accelerators} (data-parallel attention and "
        "expert parallelism of the engine); the tokens a step and the most sequences are those of "
        "a group"
        for option in options.options
        if option.data_parallel > 1 and option.id in used
    ]

"""The second opinion on a plan, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.change_text import write_changes
from planner.report.incurred_text import write_incurred
from planner.report.promise_text import (
    broken_promises,
    hours_text,
    ms_text,
    open_promises,
    who_text,
)
from planner.report.stress_text import write_stress
from planner.report.tables import NUMBER, Column, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from planner.plan.document import Plan
    from planner.verify.replay.records import (
        BlockFound,
        LimitFound,
        Replay,
        WorkloadFound,
    )
    from planner.verify.verification import Verification

_COLUMNS = (
    Column("workload", whole=True),
    Column("hours"),
    Column("requests/s", NUMBER),
    Column("replicas", NUMBER),
    Column("limit"),
    Column("promised ms", NUMBER),
    Column("replayed ms", NUMBER),
    Column("95 % interval", NUMBER, gives_way=1),
    Column("within", NUMBER, gives_way=1),
    Column("kept"),
)


def write_verification(out: TextIO, found: Verification) -> None:
    """Write what the audit and the replay found, the verdict last."""
    for note in found.notes:
        out.write(f"note: {note}\n")
    if found.audit:
        for violation in found.audit:
            out.write(f"audit: {violation}\n")
        figures = counted(len(found.audit), "figure")
        out.write(
            f"BROKEN: {figures} of the plan cannot be confirmed; it was not replayed, because a "
            "plan that contradicts itself promises nothing in particular\n"
        )
        return
    out.write(
        "audit: every figure of the plan agrees with the problem and the catalogue (its notes are "
        "words, and not checked)\n"
    )
    if found.replay is not None:
        _write_replay(out, found.replay, found)


def _write_replay(out: TextIO, replay: Replay, whole: Verification) -> None:
    plan = whole.plan
    rows = [cells for item in replay.workloads for cells in _rows(item, plan)]
    if rows:
        out.write(
            f"replay: {replay.requests:,} requests, {counted(replay.seeds, 'seed')}, step times "
            f"that hold with probability {replay.confidence:g}; the block nearest to each limit:\n"
        )
        out.write("\n")
        write_table(out, _COLUMNS, rows)
        out.write("\n")
    _write_batches(out, replay)
    _write_deadlines(out, replay)
    _write_carried(out, replay)
    write_changes(out, replay, plan)
    for item in replay.not_replayed:
        out.write(f"not replayed: {item.workload}: {item.what}: {item.reason}\n")
    _write_beside(out, whole)
    for sentence in open_promises(replay, plan):
        out.write(f"open: {sentence}\n")
    for sentence in broken_promises(replay, plan):
        out.write(f"BROKEN: {sentence}\n")
    if replay.kept:
        out.write("KEPT: every promise holds in the replay\n")
    elif replay.kept is None:
        what = "what was replayed keeps its promises; not everything could be"
        out.write(f"OPEN: {what if rows or replay.batches else 'nothing could be replayed'}\n")


def _write_carried(out: TextIO, replay: Replay) -> None:
    blocks = [block for found in replay.workloads for block in found.blocks]
    carried = sum(block.is_carried for block in blocks)
    if carried:
        out.write(
            f"queues are carried from block to block through whole days in {carried} of "
            f"{counted(len(blocks), 'block')} replayed: what one leaves waits in the next\n"
        )


def _write_beside(out: TextIO, whole: Verification) -> None:
    """Write what has no part in the verdict."""
    if whole.incurred is not None:
        write_incurred(out, whole.incurred)
    if whole.stress is not None:
        write_stress(out, whole.stress)


def _write_batches(out: TextIO, replay: Replay) -> None:
    for batch in replay.batches:
        out.write(
            f"work that waits: {batch.workload}: a replica of {batch.option_id} that always has "
            f"work serves {batch.served_rps:.3g}/s, planned {batch.planned_rps:.3g}/s; it is sent "
            f"{batch.load:.0%} of that at most\n"
        )


def _write_deadlines(out: TextIO, replay: Replay) -> None:
    """Write, for every workload that waits, the day on which a request takes longest."""
    for name in dict.fromkeys(item.workload for item in replay.deadlines):
        mine = [item for item in replay.deadlines if item.workload == name]
        worst = max(mine, key=lambda item: item.longest_h / item.window_h)
        out.write(
            f"work that waits: {name}: a request ends after {worst.longest_h:.1f} h at most, its "
            f"window is {worst.window_h:g} h\n"
        )


def _rows(found: WorkloadFound, plan: Plan) -> Iterator[list[str]]:
    for number, block in _nearest(found):
        head = [
            who_text(found, block),
            hours_text(block.places, plan),
            f"{block.rate_rps:.3g}",
            f"{block.replicas}",
        ]
        if number is None:
            kept = "yes" if block.keeps_up else "NO"
            yield [*head, "none", "", ms_text(block.ttft.p99_ms), "", "", kept]
            continue
        yield [*head, *_cells(block.limits[number])]
    for day in found.over_day:
        hours = f"whole days of period {day.period}"
        yield [who_text(found, day), hours, "", "", *_cells(day.limit)]


def _nearest(found: WorkloadFound) -> Iterator[tuple[int | None, BlockFound]]:
    """Yield each limit with the block that comes nearest to it, for one answer after another."""
    for answer in dict.fromkeys(block.answer for block in found.blocks):
        blocks = [block for block in found.blocks if block.answer == answer]
        if not blocks[0].limits:
            yield None, max(blocks, key=lambda b: b.strain)
        for number in range(len(blocks[0].limits)):
            yield number, max(blocks, key=lambda b: b.limits[number].strain)


def _cells(limit: LimitFound) -> list[str]:
    interval = "" if limit.low_ms is None else f"{ms_text(limit.low_ms)}-{ms_text(limit.high_ms)}"
    within = "" if limit.attained is None else f"{limit.attained:.2%}"
    kept = ("yes" if limit.kept else "NO") + ("" if limit.is_sure else " (unsure)")
    return [limit.text, ms_text(limit.limit_ms), ms_text(limit.value_ms), interval, within, kept]

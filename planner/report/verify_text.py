"""The second opinion on a plan, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.stress_text import write_stress
from planner.report.tables import NUMBER, Column, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from planner.plan.document import Plan
    from planner.verify.replay.records import (
        BlockFound,
        DayFound,
        LimitFound,
        LossFound,
        Replay,
        WorkloadFound,
    )
    from planner.verify.stress.records import StressTable
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
    out.write("audit: every figure of the plan agrees with the problem and the catalogue\n")
    if found.replay is not None:
        _write_replay(out, found.replay, found.plan, found.stress)


def _write_replay(out: TextIO, replay: Replay, plan: Plan, stress: StressTable | None) -> None:
    rows = [cells for item in replay.workloads for cells in _rows(item, plan)]
    if rows:
        out.write(
            f"replay: {replay.requests:,} requests, {counted(replay.seeds, 'seed')}, step times "
            f"that hold with probability {replay.confidence:g}; the block nearest to each limit:\n"
        )
        out.write("\n")
        write_table(out, _COLUMNS, rows)
        out.write("\n")
    for batch in replay.batches:
        out.write(
            f"work that waits: {batch.workload}: a replica of {batch.option_id} that always has "
            f"work serves {batch.served_rps:.3g}/s, planned {batch.planned_rps:.3g}/s; it is sent "
            f"{batch.load:.0%} of that at most\n"
        )
    _write_losses(out, replay)
    for item in replay.not_replayed:
        out.write(f"not replayed: {item.workload}: {item.what}: {item.reason}\n")
    if stress is not None:
        write_stress(out, stress)
    for sentence in broken_promises(replay, plan):
        out.write(f"BROKEN: {sentence}\n")
    if replay.kept:
        out.write("KEPT: every promise holds in the replay\n")
    elif replay.kept is None:
        what = "what was replayed keeps its promises; not everything could be"
        out.write(f"OPEN: {what if rows or replay.batches else 'nothing could be replayed'}\n")


def _write_losses(out: TextIO, replay: Replay) -> None:
    by_loss: dict[str, list[LossFound]] = {}
    for found in replay.workloads:
        for block in found.blocks:
            for loss in block.losses:
                by_loss.setdefault(loss.loss, []).append(loss)
    for lost, losses in by_loss.items():
        share = min(1.0, *(loss.completed_share for loss in losses))
        line = (
            f"after the loss of {lost}, the largest, " if "replica" in lost else
            f"after the loss of {lost}, "
        )  # fmt: skip
        line += f"{share:.0%} or more of the requests of every block end while others come"
        attained = [x.slo_attainment for x in losses if x.slo_attainment is not None]
        if attained:
            line += (
                f", and {min(attained):.2%} or more are within their limits, which are promised "
                "before it"
            )
        out.write(f"{line}\n")


def _rows(found: WorkloadFound, plan: Plan) -> Iterator[list[str]]:
    for number, block in _nearest(found):
        head = [
            _who(found, block),
            hours_text(block.places, plan),
            f"{block.rate_rps:.3g}",
            f"{block.replicas}",
        ]
        if number is None:
            kept = "yes" if block.keeps_up else "NO"
            yield [*head, "none", "", _ms(block.ttft.p99_ms), "", "", kept]
            continue
        yield [*head, *_cells(block.limits[number])]
    for day in found.over_day:
        hours = f"whole days of period {day.period}"
        yield [_who(found, day), hours, "", "", *_cells(day.limit)]


def _who(found: WorkloadFound, part: BlockFound | DayFound) -> str:
    """Return whose requests they are: of a workload, or of an answer of its chain."""
    return f"{found.workload}/{part.answer}" if part.answer else found.workload


def _nearest(found: WorkloadFound) -> Iterator[tuple[int | None, BlockFound]]:
    """Yield each limit with the block that comes nearest to it, for one answer after another."""
    for answer in dict.fromkeys(block.answer for block in found.blocks):
        blocks = [block for block in found.blocks if block.answer == answer]
        if not blocks[0].limits:
            yield None, max(blocks, key=lambda b: b.strain)
        for number in range(len(blocks[0].limits)):
            yield number, max(blocks, key=lambda b: b.limits[number].strain)


def _cells(limit: LimitFound) -> list[str]:
    interval = "" if limit.low_ms is None else f"{_ms(limit.low_ms)}-{_ms(limit.high_ms)}"
    within = "" if limit.attained is None else f"{limit.attained:.2%}"
    kept = ("yes" if limit.kept else "NO") + ("" if limit.is_sure else " (unsure)")
    return [limit.text, _ms(limit.limit_ms), _ms(limit.value_ms), interval, within, kept]


def broken_promises(replay: Replay, plan: Plan) -> list[str]:
    """Return every broken promise in words, by workload and block.

    Parameters
    ----------
    replay
        What the replay found.
    plan
        The plan, for the hours of its blocks.
    """
    sentences = []
    for found in replay.workloads:
        if found.kept is not False:
            continue
        for block in found.blocks:
            where = f"{_who(found, block)} in {hours_text(block.places, plan)}"
            sentences += [f"{where}: {_sentence(limit)}" for limit in _missed(block.limits)]
            if not block.keeps_up:
                sentences.append(
                    f"{where}: only {block.completed_share:.0%} of the requests end while others "
                    "come, so queues grow without end"
                )
            if block.keeps_up:
                sentences += [
                    f"{_who(found, block)} in {hours_text(loss.places, plan)}: without "
                    f"{loss.loss} only {loss.completed_share:.0%} of the requests end while "
                    "others come; the plan promises to keep the rate after this loss"
                    for loss in block.losses
                    if not loss.survives
                ]
            if block.refused:
                sentences.append(f"{where}: {counted(block.refused, 'request')} fit no replica")
        sentences += [
            f"{_who(found, day)} over whole days of period {day.period}: {_sentence(day.limit)}"
            for day in found.over_day
            if not day.limit.kept
        ]
        sentences += [f"{found.workload}: {text}" for text in found.broken_tokens]
    sentences += [
        f"{batch.workload}: replicas of {batch.option_id} serve {batch.served_rps:.3g}/s each of "
        f"work that waits, planned {batch.planned_rps:.3g}/s, and are sent {batch.load:.0%} of it"
        for batch in replay.batches
        if not batch.kept
    ]
    return sentences


def _missed(limits: Sequence[LimitFound]) -> list[LimitFound]:
    return [limit for limit in limits if not limit.kept]


def _sentence(limit: LimitFound) -> str:
    if limit.value_ms is None:
        return f"{limit.text} has no end, promised {_ms(limit.limit_ms)} ms"
    interval = ""
    if limit.low_ms is not None:
        interval = f" ({_ms(limit.low_ms)} to {_ms(limit.high_ms)})"
    return f"{limit.text} is {_ms(limit.value_ms)} ms{interval}, promised {_ms(limit.limit_ms)} ms"


def hours_text(places: Sequence[tuple[int, int]], plan: Plan) -> str:
    """Return the hours of the first of some blocks, and how many more there are.

    Parameters
    ----------
    places
        Blocks, as ``(period, block)``.
    plan
        The plan, for the hours of its blocks.
    """
    period, number = places[0]
    clock = next(row for row in plan.time_blocks if row.block == number)
    text = f"{clock.start_h:g}-{clock.end_h:g} h"
    if len({row.day_type for row in plan.time_blocks}) > 1:
        text += f" of {clock.day_type}"
    if plan.problem.get("horizon", {}).get("periods", 1) > 1:
        text += f" of period {period}"
    more = len(places) - 1
    return f"{text} and {more} like it" if more else text


def _ms(value: float | None) -> str:
    if value is None:
        return "endless"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - digits

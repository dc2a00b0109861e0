"""Promises in words: what is broken, what is left open, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.plan.document import Plan
    from planner.verify.replay.records import (
        BlockFound,
        DayFound,
        LimitFound,
        Replay,
        WorkloadFound,
    )


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
            where = f"{who_text(found, block)} in {hours_text(block.places, plan)}"
            sentences += [f"{where}: {_sentence(limit)}" for limit in _missed(block.limits)]
            if not block.keeps_up:
                sentences.append(
                    f"{where}: only {block.completed_share:.0%} of the requests end while others "
                    "come, so queues grow without end"
                )
            if block.keeps_up:
                sentences += [
                    f"{who_text(found, block)} in {hours_text(loss.places, plan)}: without "
                    f"{loss.loss} only {loss.completed_share:.0%} of the requests end while "
                    "others come; the plan promises to keep the rate after this loss"
                    for loss in block.losses
                    if not loss.survives
                ]
            if block.keeps_up and not _missed(block.limits):
                sentences += _missed_turns(found, block, plan, kept=False)
            if block.refused:
                sentences.append(f"{where}: {counted(block.refused, 'request')} fit no replica")
        sentences += [
            f"{who_text(found, day)} over whole days of period {day.period}: "
            f"{_sentence(day.limit)}"
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
    sentences += [
        f"{item.workload}, {item.day_type} of period {item.period}: {item.late_share:.2%} of the "
        f"requests that wait end after their window of {item.window_h:g} h"
        for item in replay.deadlines
        if not item.kept
    ]
    return sentences


def _missed_turns(
    found: WorkloadFound, block: BlockFound, plan: Plan, *, kept: bool | None
) -> Iterator[str]:
    """Yield a sentence for every beginning that misses what the rest of the block keeps."""
    for turn in block.turns:
        for limit in _missed(turn.limits):
            if turn.kept is kept:
                where = f"{who_text(found, block)} in {hours_text(turn.places, plan)}"
                yield f"{where}, its beginning included: {_sentence(limit)}"


def open_promises(replay: Replay, plan: Plan) -> Iterator[str]:
    """Yield a sentence for every promise that is missed if replicas are late.

    Parameters
    ----------
    replay
        What the replay found.
    plan
        The plan, for the hours of its blocks.
    """
    for found in replay.workloads:
        for block in found.blocks:
            late = max((turn.late for turn in block.turns), default=0)
            if not block.keeps_up or _missed(block.limits):
                continue  # broken anyway
            for text in _missed_turns(found, block, plan, kept=None):
                yield (
                    f"{text}, if {counted(late, 'replica')} of it have to load another model "
                    "first, on accelerators that serve to the end of the block before"
                )


def _missed(limits: Sequence[LimitFound]) -> list[LimitFound]:
    return [limit for limit in limits if not limit.kept]


def _sentence(limit: LimitFound) -> str:
    if limit.value_ms is None:
        return f"{limit.text} has no end, promised {ms_text(limit.limit_ms)} ms"
    interval = ""
    if limit.low_ms is not None:
        interval = f" ({ms_text(limit.low_ms)} to {ms_text(limit.high_ms)})"
    value, promised = ms_text(limit.value_ms), ms_text(limit.limit_ms)
    return f"{limit.text} is {value} ms{interval}, promised {promised} ms"


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


def ms_text(value: float | None) -> str:
    """Return milliseconds in words, ``endless`` for ``None``.

    Parameters
    ----------
    value
        Milliseconds.
    """
    if value is None:
        return "endless"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - digits


def who_text(found: WorkloadFound, part: BlockFound | DayFound) -> str:
    """Return whose requests they are: of a workload, or of an answer of its chain.

    Parameters
    ----------
    found
        The workload.
    part
        Blocks or days of it.
    """
    return f"{found.workload}/{part.answer}" if part.answer else found.workload

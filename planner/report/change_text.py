"""What the replay shows of losses, and of the turns of blocks, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.promise_text import hours_text, who_text
from planner.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from typing import TextIO

    from planner.plan.document import Plan
    from planner.verify.replay.records import LossFound, Replay


def write_changes(out: TextIO, replay: Replay, plan: Plan) -> None:
    """Write a line for every loss that is survived, and one for the worst turn of a block.

    Parameters
    ----------
    out
        Stream to write to.
    replay
        What the replay found.
    plan
        The plan, for the hours of its blocks.
    """
    _losses(out, replay)
    _turns(out, replay, plan)


def _losses(out: TextIO, replay: Replay) -> None:
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


def _turns(out: TextIO, replay: Replay, plan: Plan) -> None:
    turns = [
        (who_text(found, block), turn)
        for found in replay.workloads
        for block in found.blocks
        for turn in block.turns
        if turn.slo_attainment is not None
    ]
    if turns:
        who, worst = min(turns, key=lambda item: item[1].slo_attainment or 0.0)
        late = f", {counted(worst.late, 'replica')} late" if worst.late else ""
        out.write(
            f"where replicas come or go at the turn of a block, "
            f"{worst.slo_attainment or 0.0:.2%} or more of the requests of its first "
            f"{worst.seconds / SECONDS_PER_MINUTE:.0f} minutes are within their limits (worst: "
            f"{who} in {hours_text(worst.places, plan)}, {worst.replicas_before} to "
            f"{counted(worst.replicas, 'replica')}{late})\n"
        )

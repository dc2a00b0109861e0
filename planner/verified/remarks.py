"""What a reader of a verified plan has to know of its replay, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.promise_text import broken_promises

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.verified.records import Verified

_SHOWN = 3


def remarks(found: Verified) -> list[str]:
    """Return what a reader of the plan has to know of its replay, in sentences.

    Parameters
    ----------
    found
        The plan and its replay.
    """
    if found.replay is None:
        return []
    said = [_verdict(found)]
    if found.kept is False:
        broken = broken_promises(found.replay, found.plan)
        said += [f"NOT KEPT: {text}" for text in broken[:_SHOWN]]
        if len(broken) > _SHOWN:
            said.append(f"NOT KEPT: and {len(broken) - _SHOWN} more: planner verify lists them")
        said += [f"not verified because {text}" for text in found.why_not]
    said += _left_out(found)
    slack = found.slack
    if slack is not None and slack.replicas:
        count = sum(slack.replicas.values())
        said.append(
            f"slack: the replay keeps every promise without {counted(count, 'replica')}, added up "
            f"over blocks: {slack.share:.1%} of the cost or {slack.usd:,.0f} USD at most, because "
            "nodes are whole and terms are paid anyway; nothing was taken out"
        )
    return said


def _verdict(found: Verified) -> str:
    seeds = counted(found.replay.seeds if found.replay else 0, "seed")
    if found.kept is False:
        return f"NOT VERIFIED: promises of this plan are missed in its replay ({seeds})"
    state = f"verified by replay ({seeds}): every promise is kept"
    if found.kept is None:
        state = (
            f"not verified in whole ({seeds}): what could be replayed is kept, not all could be"
        )
    added = "no headroom was needed"
    if found.rounds > 1:
        share = found.added_usd / found.first_usd if found.first_usd else 0.0
        what = "headroom and other options" if found.excluded else "headroom"
        added = (
            f"{what} found in {found.rounds} rounds {'add' if found.excluded else 'adds'} "
            f"{found.added_usd:,.0f} USD ({share:.1%}) to the plan by the formulas alone, "
            "the gaps of both solves included"
        )
    return f"{state}; {added}"


def _left_out(found: Verified) -> Iterator[str]:
    count = len(found.prepared.demand.grid.slots)
    for workload, options in found.excluded.items():
        shown = [
            f"{option} in {len(blocks)} of {counted(count, 'block')}"
            for option, blocks in list(options.items())[:_SHOWN]
        ]
        more = f" and {len(options) - _SHOWN} more" if len(options) > _SHOWN else ""
        yield (
            f"left out for {workload}, because a promise is missed there in the replay with any "
            f"number of replicas (workloads[].excluded_options): {', '.join(shown)}{more}"
        )

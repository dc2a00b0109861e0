"""The stable machine form of a replay."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from planner.verify.replay.records import LATENCIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.verify.replay.records import BlockFound, LimitFound, Replay, WorkloadFound


def workloads_data(replay: Replay) -> list[dict[str, object]]:
    """Return one record for every workload: its worst block, and all blocks below ``blocks``."""
    return [_workload(found) for found in replay.workloads]


def _workload(found: WorkloadFound) -> dict[str, object]:
    worst = found.worst
    figures = {} if worst is None else _block(worst)
    attainment = figures.pop("slo_attainment", None)
    return {
        "workload": found.workload,
        "slo_attainment": attainment,
        "promised": found.promised,
        "kept": found.kept,
        **figures,
        "over_day": [
            {
                "period": day.period,
                "day_type": day.day_type,
                "answer": day.answer,
                **_limit(day.limit),
            }
            for day in found.over_day
        ],
        "blocks": [_block(block) for block in found.blocks],
    }


def _block(block: BlockFound) -> dict[str, object]:
    latencies = {
        f"{metric}_{statistic}_ms": getattr(getattr(block, metric), f"{statistic}_ms")
        for metric in LATENCIES
        for statistic in ("mean", "p50", "p90", "p99")
    }
    return {
        "places": _places(block.places),
        "answer": block.answer,
        "rate_rps": block.rate_rps,
        "replicas": block.replicas,
        "slo_attainment": block.slo_attainment,
        "goodput_rps": block.goodput_rps,
        **latencies,
        "turns": [{**asdict(turn), "places": _places(turn.places)} for turn in block.turns],
        "completed_share": block.completed_share,
        "utilization": block.utilization,
        "prompt_share": block.prompt_share,
        "in_flight": block.in_flight,
        "preempted_share": block.preempted_share,
        "refused": block.refused,
        "after_loss": block.after_loss,
        "losses": [
            {
                "loss": loss.loss,
                "places": _places(loss.places),
                "completed_share": loss.completed_share,
                "slo_attainment": loss.slo_attainment,
                "survived": loss.survives,
            }
            for loss in block.losses
        ],
        "kept": block.kept,
        "is_carried": block.is_carried,
        "requests": block.requests,
        "limits": [_limit(limit) for limit in block.limits],
    }


def _places(places: Sequence[tuple[int, int]]) -> list[dict[str, int]]:
    return [{"period": period, "block": number} for period, number in places]


def _limit(limit: LimitFound) -> dict[str, object]:
    return asdict(limit)

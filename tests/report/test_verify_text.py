"""Verdicts in words: what is broken, what is open, and never more than was seen."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from planner.plan.document import Plan, TimeBlock
from planner.report.promise_text import broken_promises
from planner.report.verify_text import write_verification
from planner.verify.incurred.records import (
    Incurred,
    Money,
    PartIncurred,
    SpotIncurred,
    WorkloadIncurred,
)
from planner.verify.replay.records import (
    BatchFound,
    BlockFound,
    LatencyFound,
    LimitFound,
    LossFound,
    NotReplayed,
    Replay,
    WorkloadFound,
)
from planner.verify.verification import Verification

LATENCY = LatencyFound(100.0, 90.0, 150.0, 200.0)
LIMIT = LimitFound("ttft_ms", 99.0, 400.0, 200.0, 190.0, 210.0, 0.999, kept=True, is_sure=True)
BLOCK = BlockFound(
    places=((0, 3),), rate_rps=12.0, replicas=4, limits=(LIMIT,), ttft=LATENCY, tpot=LATENCY,
    itl=LATENCY, e2e=LATENCY, slo_attainment=0.999, goodput_rps=11.9, completed_share=1.0,
    utilization=0.9, prompt_share=0.4, in_flight=30.0, preempted_share=0.0, refused=0,
    requests=20_000,
)  # fmt: skip
PLAN = Plan(
    schema_version=1, problem={"horizon": {"periods": 1}}, catalog={}, versions={}, seed=0,
    options={}, status="optimal", cost_usd=1.0, bound_usd=1.0, gap=0.0, tco_usd=1.0, solver={},
    time_blocks=tuple(TimeBlock(b, "day", b * 6.0, b * 6.0 + 6.0, 1.0) for b in range(4)),
)  # fmt: skip


def replay(block=BLOCK, kept=True, **changes):
    found = WorkloadFound("chat", kept, 0.99, (block,))
    return replace(Replay((found,), (), 0.8, 5, 25_000, 1.0), **changes)


def told(found, audit=(), plan=PLAN):
    out = io.StringIO()
    write_verification(out, Verification(plan, audit, None if audit else found))
    return out.getvalue()


def test_a_kept_promise_shows_its_nearest_block():
    text = told(replay())

    row = next(line for line in text.splitlines() if line.startswith("chat"))
    assert row.split("\t") == [
        "chat", "18-24 h", "12", "4", "ttft p99", "400", "200", "190-210", "99.90%", "yes",
    ]  # fmt: skip
    assert text.rstrip().endswith("KEPT: every promise holds in the replay")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"limits": (replace(LIMIT, value_ms=450.0, low_ms=420.0, high_ms=480.0, kept=False),)},
            "chat in 18-24 h: ttft p99 is 450 ms (420 to 480), promised 400 ms",
        ),
        (
            {"limits": (replace(LIMIT, value_ms=None, low_ms=None, high_ms=None, kept=False),)},
            "chat in 18-24 h: ttft p99 has no end, promised 400 ms",
        ),
        (
            {"completed_share": 0.7},
            "chat in 18-24 h: only 70% of the requests end while others come, so queues grow",
        ),
        (
            {"losses": (LossFound("1 replica", BLOCK.places, 0.8, 0.6),)},
            "chat in 18-24 h: without 1 replica only 80% of the requests end while others come",
        ),
        ({"refused": 3}, "chat in 18-24 h: 3 requests fit no replica"),
    ],
)
def test_broken_promises_are_sentences_with_both_figures(change, sentence):
    found = replay(replace(BLOCK, **change), kept=False)

    assert any(line.startswith(sentence) for line in broken_promises(found, PLAN))
    assert "KEPT" not in told(found)


def test_work_that_waits_is_told_with_its_load():
    batch = BatchFound("docs", "m/x/tp1", 2.0, 1.8, 1.1, kept=False)
    found = replay(kept=False, batches=(batch,))

    assert "a replica of m/x/tp1 that always has work serves 1.8/s, planned 2/s" in told(found)
    assert any("are sent 110% of it" in line for line in broken_promises(found, PLAN))


def test_what_is_not_replayed_is_left_open():
    item = NotReplayed("chat", "m/x/tp1", "its capacity was measured as a whole")
    found = replay(kept=None, not_replayed=(item,))

    text = told(found)

    assert "not replayed: chat: m/x/tp1: its capacity was measured as a whole" in text
    assert text.rstrip().endswith(
        "OPEN: what was replayed keeps its promises; not everything could be"
    )
    assert "KEPT" not in text


def test_nothing_replayed_is_not_a_promise_kept():
    found = Replay((WorkloadFound("chat", None, 0.99, ()),), (), 0.8, 5, 0, 0.1)

    assert told(found).rstrip().endswith("OPEN: nothing could be replayed")


def test_a_plan_that_contradicts_itself_is_not_replayed():
    text = told(None, audit=("cost is wrong", "so is the gap"))

    assert "audit: cost is wrong\naudit: so is the gap\n" in text
    assert "BROKEN: 2 figures of the plan cannot be confirmed" in text


def test_blocks_that_are_alike_are_counted_and_periods_named():
    block = replace(BLOCK, places=((1, 3), (1, 0), (2, 3)))
    plan = replace(PLAN, problem={"horizon": {"periods": 3}})

    assert "18-24 h of period 1 and 2 like it" in told(replay(block), plan=plan)


def test_carried_queues_are_said_where_there_are_any():
    carried = told(replay(replace(BLOCK, is_carried=True)))

    assert "queues are carried from block to block through whole days in 1 of 1 block" in carried
    assert "queues are carried" not in told(replay())


def test_cost_incurred_stands_beside_the_plan_and_has_no_part_in_the_verdict():
    same = Money(1_000.0, 1_000.0, 1_000.0, 1_000.0)
    more = Money(2_000.0, 2_200.0, 2_100.0, 2_300.0)
    both = Money(3_000.0, 3_200.0, 3_100.0, 3_300.0)
    parts = (PartIncurred("on_demand", same), PartIncurred("api", more))
    chat = WorkloadIncurred("chat", both, 4e6, parts)
    spot = SpotIncurred("cloud:one:north:spot", 0, 12.0, 1_500.0, 2.0, 1.5)
    out = io.StringIO()
    write_verification(
        out,
        Verification(
            PLAN, (), replay(), incurred=Incurred(both, (chat,), (), (spot, spot), ("as it is",))
        ),
    )

    rows = [line.split("\t") for line in out.getvalue().splitlines() if "\t" in line][-3:]
    assert rows == [
        ["chat", "on demand", "1,000", "1,000", "", "", ""],
        ["chat", "api", "2,000", "2,200", "2,100-2,300", "+10.00%", ""],
        ["chat", "all", "3,000", "3,200", "3,100-3,300", "+6.67%", "0.8000"],
    ]
    assert (
        "spot: cloud:one:north:spot: 24 nodes taken away over the horizon; of 3,000 "
        "node-hours paid 4 (3.00 USD) go to the start of successors\n" in out.getvalue()
    )
    assert "cost incurred: as it is\n" in out.getvalue()
    assert out.getvalue().rstrip().endswith("KEPT: every promise holds in the replay")

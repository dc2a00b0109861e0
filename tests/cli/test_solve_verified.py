"""``planner solve --verify`` as a user runs it."""

from __future__ import annotations

import json

from tests.cli.test_commands import SMALL


def trace(folder, isl, requests=8_000):
    """Long prompts and short answers: it is the prompts that replicas cannot keep up with."""
    file = folder / "t.csv"
    rows = [f"{i / 40},{isl},10" for i in range(requests)]
    file.write_text("\n".join(["timestamp_s,input_tokens,output_tokens", *rows]))
    return file


def test_a_trace_is_of_use_with_verify_only(planner, tmp_path):
    done = planner("solve", SMALL, "--trace", trace(tmp_path, 100))

    assert done.code == 2
    assert "is replayed with --verify only; add it, or leave the trace out" in done.err


def test_what_cannot_be_replayed_is_not_called_kept(planner):
    done = planner("solve", SMALL, "--verify", "--json")

    assert done.code == 0
    plan = json.loads(done.out)
    assert plan["warnings"][-1] == (
        "not verified in whole (5 seeds): what could be replayed is kept, not all could be; "
        "no headroom was needed"
    )


CHAT = (
    "chatbot_1m", "--no-compare", "--verify", "-o", "plan.json",
    "--set", "time_blocks=1", "--set", "workloads.chat.arrival.requests_per_day=200000",
    "--set", "candidates.hardware=[h100-sxm-80gb]",
    "--set", "candidates.models=[llama-3.3-70b-instruct]", "--set", "candidates.engines=[vllm]",
    "--set", "candidates.quantizations=[fp8]", "--set", "candidates.tensor_parallel=[4]",
)  # fmt: skip


def test_a_trace_that_the_formulas_did_not_foresee_is_made_up_for(planner, tmp_path):
    file = trace(tmp_path, 9_000)

    done = planner("solve", *CHAT, "--trace", file)

    assert done.code == 0, done.out
    assert "note: verified by replay (5 seeds): every promise is kept; headroom found in" in (
        done.out
    )
    assert "times less in 1 of 1 block " in done.out
    assert planner("verify", "plan.json", "--trace", file, "-q").code == 0


def test_a_promise_that_no_fleet_keeps_exits_6_and_the_plan_says_so(planner, tmp_path):
    """Each prompt takes longer than its limit, even alone."""
    limit = "workloads.chat.slo.0.limit=500"

    done = planner("solve", *CHAT, "--set", limit, "--trace", trace(tmp_path, 20_000, 2_000))

    assert done.code == 6
    assert "note: NOT VERIFIED: promises of this plan are missed in its replay" in done.out
    saved = json.loads((tmp_path / "plan.json").read_text())
    assert any(note.startswith("NOT KEPT: chat in 0-24 h: ") for note in saved["warnings"])

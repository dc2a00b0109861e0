"""How published benchmark scripts started their runs."""

import pytest

from planner.evaluate.runs import run_of
from planner.evaluate.settings import Settings, settings_of
from tests.evaluate.rows import measured

SCRIPTED = "ai-dynamo/aiconfigurator silicon_sample.csv"
DATED = "mode=agg; attention_dp={groups}; measured=2026-03-25"


def started(engine, model, *, groups=1, **changes):
    cells = {"source": SCRIPTED, "gpu": "B200-SXM", "scenario_notes": DATED.format(groups=groups)}
    return settings_of(run_of(measured(**cells | changes)), engine, model)


@pytest.mark.parametrize(("clients", "steps"), [(8, 5.0), (15, 5.0), (16, 15.0), (256, 15.0)])
def test_sglang_on_blackwell_looks_for_requests_rarely(clients, steps):
    found = started("sglang", "deepseek-r1", concurrency_or_rate=f"concurrency={clients}")

    assert found == Settings(poll_steps=steps)


def test_sglang_elsewhere_and_rows_without_a_script_have_the_defaults():
    assert started("sglang", "deepseek-r1", gpu="H200-SXM-141GB") == Settings()
    assert started("sglang", "deepseek-r1", scenario_notes="mode=agg") == Settings()
    assert started("sglang", "deepseek-r1", source="a bench (2026)") == Settings()
    assert started("sglang", "deepseek-r1", scenario_notes="mode=disagg; measured=x") == Settings()


@pytest.mark.parametrize(
    ("version", "tokens"),
    [("0.19.0", 2000), ("0.20", 2000), ("0.18.0", None), ("nightly-5b8c", None), ("", None)],
)
def test_vllm_has_a_budget_of_two_prompts_from_its_version_on(version, tokens):
    assert started("vllm", "minimax-m2.5", engine_version=version).chunk_tokens == tokens


def test_groups_of_vllm_are_devices_where_the_degree_is_stated_twice():
    twice = started("vllm", "minimax-m2.5", groups=2, n_gpus=4, tp=2)
    once = started("vllm", "minimax-m2.5", groups=4, n_gpus=8, tp=2)

    assert twice.is_untied
    assert not once.is_untied
    assert not started("vllm", "minimax-m2.5", n_gpus=1, tp=1).is_untied


def test_tensorrt_llm_holds_prompts_back_until_every_group_has_one():
    assert started("trtllm", "deepseek-r1", groups=8) == Settings(poll_steps=30, is_balanced=True)
    assert started("trtllm", "gpt-oss-120b", groups=4) == Settings(is_balanced=True)
    assert started("trtllm", "deepseek-r1") == Settings()

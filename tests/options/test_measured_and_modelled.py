"""Measured capacities beside the performance model, on the shipped catalogue."""

from __future__ import annotations

import pytest

from planner.preparation import prepare

HEADER = "workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps\n"
OPTION = "llama-3.3-70b-instruct/fp8/vllm/h200-sxm-141gb/tp1"
ROW = "chat,llama-3.3-70b-instruct,fp8,h200-sxm-141gb,1,vllm,7.5\n"


@pytest.fixture
def measured_chatbot(tmp_path):
    """The shipped chatbot with one measured capacity."""
    from planner.catalog.location import shipped_path

    text = (shipped_path("problems") / "chatbot_1m.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.csv").write_text(HEADER + ROW, encoding="utf-8")
    (tmp_path / "chatbot.yaml").write_text(text + "performance: mine.csv\n", encoding="utf-8")
    return prepare(tmp_path / "chatbot.yaml")


def test_a_measured_capacity_replaces_the_modelled_one(measured_chatbot):
    (capacity,) = [c for c in measured_chatbot.options.capacities if c.option_id == OPTION]

    assert capacity.origin == "measured"
    assert [p.nominal_rps for p in capacity.points] == [7.5]
    assert [p.planned_rps for p in capacity.points] == [pytest.approx(7.5 * 0.9)]


def test_other_options_stay_modelled(measured_chatbot):
    modelled = prepare("chatbot_1m").options

    others = {c.option_id: c for c in measured_chatbot.options.capacities if c.option_id != OPTION}

    assert others == {c.option_id: c for c in modelled.capacities if c.option_id != OPTION}


def test_a_measured_model_still_has_to_meet_the_quality_floor(tmp_path, measured_chatbot):
    row = ROW.replace("llama-3.3-70b-instruct,fp8", "llama-3.1-8b-instruct,fp8")
    (tmp_path / "mine.csv").write_text(HEADER + row, encoding="utf-8")

    options = prepare(tmp_path / "chatbot.yaml").options

    assert {c.origin for c in options.capacities} <= {"calibrated", "class_default"}
    assert any(
        r.reason == "quality" and r.subject.startswith("llama-3.1-8b-instruct/fp8/vllm/h200")
        for r in options.rejections
    )


def test_a_workload_without_lengths_has_measured_options_only():
    options = prepare("published/melange_readme").options

    assert {c.origin for c in options.capacities} == {"measured"}
    assert options.considered == 2

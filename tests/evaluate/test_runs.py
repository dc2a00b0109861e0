import pytest

from planner.evaluate.runs import Load, load_of, run_of, whole
from tests.evaluate.rows import measured


@pytest.mark.parametrize(
    ("cell", "load"),
    [
        ("concurrency=64", Load("closed", 64)),
        ("Concurrency = 8", Load("closed", 8)),
        ("concurrency=4; request_rate=inf", Load("closed", 4)),
        ("concurrency=many", Load("closed", None)),
        ("qps=2.5", Load("open", 2.5)),
        ("request_rate=4", Load("open", 4)),
        ("request_rate=inf", Load("max_load", None)),
        ("max_load (infinite request rate)", Load("max_load", None)),
        ("max_load (best over client_concurrency 8)", Load("max_load", None)),
        ("client_concurrency=8", Load("max_load", None)),
        ("scenario=Offline", Load("max_load", None)),
        ("max_batch=256", Load("max_load", 256)),
        ("batch=32", Load("static", 32)),
        ("max_num_seqs=3200", Load("none", None)),
        ("scenario=Server", Load("none", None)),
        ("", Load("none", None)),
    ],
)
def test_loads_are_told_apart(cell, load):
    assert load_of(cell) == load


def dropped(ttft_ms=None, tpot_ms=None, **changes):
    return run_of(measured(**changes)).dropped_by(ttft_ms, tpot_ms)


def test_a_plain_row_counts():
    assert dropped() is None


@pytest.mark.parametrize("notes", ["SUSPECT: too fast", "static batch; SUSPECT"])
def test_suspect_rows_are_dropped(notes):
    assert dropped(scenario_notes=notes) == "suspect"


def test_several_pipeline_stages_are_dropped():
    assert dropped(pp=2, n_gpus=2) == "pipeline"


@pytest.mark.parametrize("notes", ["parallelism=Pipeline Parallelism", "Hybrid TP = 2 and PP = 2"])
def test_stages_that_only_the_notes_state_are_dropped(notes):
    assert dropped(pp="", n_gpus=4, scenario_notes=notes) == "pipeline"


def test_one_accelerator_has_no_stages_whatever_the_notes_call_it():
    assert dropped(pp="", n_gpus=1, scenario_notes="parallelism=Pipeline Parallelism") is None


def test_more_than_eight_accelerators_are_dropped():
    assert dropped(n_gpus=8) is None
    assert dropped(n_gpus=16) == "gpus"


@pytest.mark.parametrize("column", ["isl", "osl"])
def test_blank_lengths_are_dropped(column):
    assert dropped(**{column: ""}) == "blank_lengths"


def test_ttft_above_fifty_decodes_is_dropped():
    assert dropped(ttft_ms=50 * 20 * 200, tpot_ms=20) is None
    assert dropped(ttft_ms=50 * 20 * 200 + 1, tpot_ms=20) == "overloaded"


def test_ttft_alone_is_never_overloaded():
    assert dropped(ttft_ms=1e9) is None


def test_accelerators_follow_from_the_parallelism_when_blank():
    assert run_of(measured(n_gpus="", tp=4)).gpus == 4
    assert run_of(measured(n_gpus="", tp="")).gpus is None


def test_notes_are_pairs_of_key_and_value():
    run = run_of(measured(scenario_notes="mode=agg; attention_dp=4; moe_ep = 2 ;free text"))

    assert run.notes == {"mode": "agg", "attention_dp": "4", "moe_ep": "2"}
    assert not run.is_disaggregated


def test_disaggregated_runs_are_told_by_their_mode():
    assert run_of(measured(scenario_notes="mode=disagg; decode_tp_size=8")).is_disaggregated


@pytest.mark.parametrize(("cell", "value"), [("4", 4), ("4.0", 4), ("4.5", None), ("", None)])
def test_whole_numbers_are_whole(cell, value):
    assert whole(cell) == value


def apart(**changes):
    """Return the run of a disaggregated row, with changes of its notes."""
    notes = {"mode": "disagg", "prefill_tp_size": 1, "decode_tp_size": 1} | changes
    blank = {"n_gpus": "", "tp": "", "pp": "", "concurrency_or_rate": ""}
    text = "; ".join(f"{key}={value}" for key, value in notes.items())
    return run_of(measured(**blank, scenario_notes=text))


def test_clients_of_a_disaggregated_run_follow_from_its_decode_batches():
    held = {"decode_batch_size": 16, "decode_num_workers": 3, "decode_attention_dp_size": 2}

    assert apart(**held).load == Load("closed", 96.0)


@pytest.mark.parametrize("missing", ["decode_batch_size", "decode_num_workers"])
def test_a_blank_load_stays_unknown_without_all_of_them(missing):
    held = {"decode_batch_size": 16, "decode_num_workers": 3, "decode_attention_dp_size": 2}

    assert apart(**held | {missing: ""}).load == Load("none")


def test_a_stated_load_is_not_replaced():
    notes = "mode=disagg; decode_batch_size=16; decode_num_workers=3; decode_attention_dp_size=2"

    run = run_of(measured(concurrency_or_rate="qps=2", scenario_notes=notes))

    assert run.load == Load("open", 2.0)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, None),
        ({"decode_tp_size": 8}, None),
        ({"decode_tp_size": 16}, "gpus"),
        ({"prefill_attention_dp_size": 16}, "gpus"),
        ({"decode_tp_size": 4, "decode_attention_dp_size": 4}, "gpus"),
        ({"decode_num_workers": 9, "decode_tp_size": 8}, None),
        ({"prefill_pp_size": 2}, "pipeline"),
        ({"decode_pp_size": 4}, "pipeline"),
        ({"decode_pp_size": 1}, None),
    ],
)
def test_rules_hold_for_every_instance_of_a_disaggregated_run(changes, rule):
    assert apart(**changes).dropped_by(None, None) == rule

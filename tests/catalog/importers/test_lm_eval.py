"""Result files of lm-evaluation-harness as quality scores."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.lm_eval import read
from planner.catalog.importers.lm_eval.tasks import TASKS
from planner.catalog.importers.record import Imported, Settings, table_text
from planner.catalog.load import Catalog, load_catalog
from planner.catalog.schema import Row
from planner.errors import InputError

AS_OF = "2026-06-15"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def run(catalog, tmp_path):
    """Write an object as a result file and read it, options by name."""

    def read_object(value: object, **options: str) -> Imported:
        path = tmp_path / "results.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return read(path, Settings(catalog, AS_OF, {"quantization": "fp8"} | options))

    return read_object


def results(task: str = "gsm8k", metrics: object = None, **changes: object) -> dict[str, object]:
    known = {
        "alias": task,
        "exact_match,strict-match": 0.8,
        "exact_match_stderr,strict-match": 0.01,
    }
    return {
        "results": {task: known if metrics is None else metrics},
        "n-shot": {task: 5},
        "n-samples": {task: {"original": 1319, "effective": 1319}},
        "model_name": "Qwen/Qwen3-32B",
    } | changes


def only(imported: Imported) -> Row:
    (row,) = imported.rows["quality"]
    return row


def test_result_becomes_a_score_with_setting_questions_and_evaluator(run):
    row = only(run(results(lm_eval_version="0.4.9", date=1_767_225_600.5)))

    assert (row.model, row.quantization, row.benchmark) == ("qwen3-32b", "fp8", "gsm8k")
    assert (row.score, row.questions) == (0.8, 1319)
    assert (row.evaluator, row.setting) == ("lm-eval/gsm8k/5-shot", "exact_match,strict-match")
    assert (row.as_of, row.notes) == ("2026-01-01", "")
    assert row.source == "lm-evaluation-harness 0.4.9, results of Qwen/Qwen3-32B"


@pytest.mark.parametrize(
    "changes",
    [
        {"model_name": None, "config": {"model_args": "pretrained=Qwen/Qwen3-32B,dtype=auto"}},
        {"model_name": None, "config": {"model_args": {"pretrained": "Qwen/Qwen3-32B"}}},
        {"model_name": " ", "config": {"model_args": "base_url=x,model=Qwen/Qwen3-32B"}},
    ],
)
def test_model_is_found_in_the_arguments_of_the_run(run, changes):
    assert only(run(results(**changes))).model == "qwen3-32b"


def test_model_can_be_said_by_option(run):
    assert only(run(results(model_name="mine"), model="qwen3-14b")).model == "qwen3-14b"


def test_evaluator_can_be_said_by_option(run):
    assert only(run(results(), evaluator="acme")).evaluator == "acme/gsm8k/5-shot"


@pytest.mark.parametrize(("facts", "undated"), [({"date": 1_767_225_600}, False), ({}, True)])
def test_import_says_whether_a_row_has_the_date_of_the_settings(run, facts, undated):
    imported = run(results(**facts))

    assert imported.undated is undated
    assert only(imported).as_of == (AS_OF if undated else "2026-01-01")


def test_number_format_is_read_from_the_name_when_no_option_says_it(run):
    row = only(run(results(model_name="RedHat/Qwen3-32B-FP8"), quantization=""))

    assert (row.model, row.quantization) == ("qwen3-32b", "fp8")


@pytest.mark.parametrize("quantization", ["", "fp9"])
def test_number_format_is_never_guessed(run, quantization):
    imported = run(results(config={"model_args": "dtype=bfloat16"}), quantization=quantization)

    assert imported.rows["quality"] == ()
    assert imported.rejected_by_reason() == {"unknown_quantization": 1}
    assert "--option quantization=ID" in imported.rejected[0].detail


def test_unknown_model_is_rejected_with_the_option_that_helps(run):
    imported = run(results(model_name="acme/unheard-of"))

    assert imported.rejected_by_reason() == {"unknown_model": 1}
    assert "--option model=ID" in imported.rejected[0].detail


def test_preferred_filter_counts_and_the_other_is_rejected(run):
    metrics = {"exact_match,flexible-extract": 0.9, "exact_match,strict-match": 0.8}

    imported = run(results(metrics=metrics))

    assert only(imported).score == 0.8
    assert imported.rejected_by_reason() == {"other_metric": 1}


def test_other_metric_of_zero_is_rejected_too(run):
    imported = run(results("winogrande", {"acc,none": 0.5, "f1,none": 0.0}))

    assert imported.rejected_by_reason() == {"other_metric": 1}


@pytest.mark.parametrize("name", ["pass@1,create_test_stderr", "pass@1_stderr,create_test"])
def test_standard_error_is_never_the_score(run, name):
    assert only(run(results("humaneval", {name: 0.03, "pass@1,create_test": 0.4}))).score == 0.4


def test_metric_without_filter_of_older_versions_is_read(run):
    assert only(run(results("hellaswag", {"acc": 0.5, "acc_norm": 0.6}))).score == 0.6


@pytest.mark.parametrize(
    ("task", "metric", "benchmark"),
    [
        ("mmlu", "acc,none", "mmlu"),
        ("mmlu_pro", "exact_match,custom-extract", "mmlu_pro"),
        ("arc_challenge", "acc_norm,none", "arc_c"),
        ("ifeval", "prompt_level_strict_acc,none", "ifeval"),
        ("humaneval", "pass@1,create_test", "humaneval"),
        ("truthfulqa_mc2", "acc,none", "truthfulqa"),
        ("gpqa_diamond_cot_zeroshot", "exact_match,flexible-extract", "gpqa_diamond"),
    ],
)
def test_task_is_read_as_our_benchmark(run, task, metric, benchmark):
    row = only(run(results(task, {metric: 0.5})))

    assert (row.benchmark, row.score) == (benchmark, 0.5)


def test_every_benchmark_of_the_table_is_known_to_the_catalogue(catalog):
    known = {row.benchmark for row in catalog.quality}

    assert {benchmark for benchmark, _ in TASKS.values()} <= known


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"exact_match,strict-match": "N/A"}, "no_score"),
        ({"exact_match,strict-match": float("nan")}, "no_score"),
        ({"alias": "gsm8k"}, "no_score"),
        ({}, "no_score"),
        ({"exact_match,strict-match": 80.0}, "invalid"),
        ({"exact_match,strict-match": -0.1}, "invalid"),
        (0.8, "unknown_task"),
    ],
)
def test_unusable_result_is_rejected_with_its_reason(run, metrics, reason):
    imported = run(results(metrics=metrics))

    assert imported.rows["quality"] == ()
    assert imported.rejected_by_reason() == {reason: 1}
    assert imported.rejected[0].place == "results.json:results.gsm8k"


def test_unknown_task_is_rejected_with_the_tasks_that_are_read(run):
    imported = run(results("my_private_task"))

    assert imported.rejected_by_reason() == {"unknown_task": 1}
    assert "gsm8k_platinum" in imported.rejected[0].detail


def test_group_counts_with_the_questions_of_its_parts_and_they_do_not(run):
    document = {
        "results": {"mmlu": {"acc,none": 0.7}, "mmlu_stem": {"acc,none": 0.6}, "a": {"acc": 1}},
        "group_subtasks": {"mmlu": ["mmlu_stem", "b"], "mmlu_stem": ["a"]},
        "n-samples": {"a": {"original": 100, "effective": 100}, "b": {"effective": 40}},
        "model_name": "Qwen/Qwen3-32B",
    }

    imported = run(document)

    assert (only(imported).score, only(imported).questions) == (0.7, 140)
    assert imported.rejected_by_reason() == {"subtask": 2}


def test_group_that_contains_itself_ends(run):
    document = results("mmlu", {"acc,none": 0.7}, group_subtasks={"mmlu": ["mmlu"]})

    assert only(run(document)).score == 0.7


def test_part_of_several_groups_counts_once_however_deep_the_groups_are(run):
    groups = {f"g{i}": [f"g{i + 1}", f"g{i + 1}", f"h{i + 1}"] for i in range(2_000)}
    groups |= {f"h{i}": [f"g{i + 1}"] for i in range(2_000)} | {"mmlu": ["g0", "h0"]}
    samples = {"g2000": {"effective": 100}, "h2000": {"effective": 40}, "g2001": {"effective": 1}}
    document = results("mmlu", {"acc,none": 0.7}, group_subtasks=groups, **{"n-samples": samples})

    assert only(run(document)).questions == 140


@pytest.mark.parametrize("effective", [1e308, 10**400])
def test_impossible_number_of_questions_stays_blank(run, effective):
    samples = {"a": {"effective": effective}, "b": {"effective": effective}}
    groups = {"mmlu": ["a", "b", 3, [["a"]]]}
    document = results("mmlu", {"acc,none": 0.7}, group_subtasks=groups, **{"n-samples": samples})

    assert only(run(document)).questions is None


def test_part_of_the_questions_is_said_in_the_notes(run):
    row = only(run(results(**{"n-samples": {"gsm8k": {"original": 1319, "effective": 100}}})))

    assert (row.questions, row.notes) == (100, "the first 100 of 1319 questions")


@pytest.mark.parametrize("samples", [None, {}, {"gsm8k": {"effective": "many"}}])
def test_unknown_number_of_questions_stays_blank(run, samples):
    assert only(run(results(**{"n-samples": samples}))).questions is None


@pytest.mark.parametrize("date", [None, "yesterday", 1e300, -1e300, True, float("inf")])
def test_run_without_a_date_gets_the_date_of_the_source(run, date):
    assert only(run(results(date=date))).as_of == AS_OF


def test_number_of_examples_separates_evaluators(run, catalog, tmp_path):
    (tmp_path / "results_a.json").write_text(json.dumps(results()))
    (tmp_path / "results_b.json").write_text(json.dumps(results(**{"n-shot": {"gsm8k": 0}})))

    imported = read(tmp_path, Settings(catalog, AS_OF, {"quantization": "bf16"}))

    evaluators = [row.evaluator for row in imported.rows["quality"]]
    assert evaluators == ["lm-eval/gsm8k/5-shot", "lm-eval/gsm8k/0-shot"]


def test_runs_that_disagree_give_no_score(catalog, tmp_path):
    other = results(metrics={"exact_match,strict-match": 0.7})
    (tmp_path / "results_a.json").write_text(json.dumps(results()))
    (tmp_path / "results_b.json").write_text(json.dumps(other))

    imported = read(tmp_path, Settings(catalog, AS_OF, {"quantization": "bf16"}))

    assert imported.rows["quality"] == ()
    assert imported.rejected_by_reason() == {"contradiction": 2}


def test_copy_of_a_run_gives_one_score(catalog, tmp_path):
    (tmp_path / "x").mkdir()
    for name in ("results_a.json", "x/results_a.json"):
        (tmp_path / name).write_text(json.dumps(results()))

    imported = read(tmp_path, Settings(catalog, AS_OF, {"quantization": "bf16"}))

    assert len(imported.rows["quality"]) == 1
    assert [(r.place, r.reason) for r in imported.rejected] == [
        ("x/results_a.json:results.gsm8k", "duplicate")
    ]


@pytest.mark.parametrize("document", [{}, [], {"results": 3}, {"results": {}}])
def test_file_without_results_is_rejected(run, document):
    assert run(document).rejected_by_reason() == {"no_results": 1}


def test_repeated_key_is_reported(catalog, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results())[:-1] + ', "model_name": "Qwen/Qwen3-32B"}')

    imported = read(path, Settings(catalog, AS_OF, {"quantization": "bf16"}))

    assert imported.rejected_by_reason() == {"repeated_key": 1}


def test_folder_without_results_is_refused(catalog, tmp_path):
    with pytest.raises(InputError, match=r"has no results\*\.json; accepted: a results JSON"):
        read(tmp_path, Settings(catalog, AS_OF))


def test_truncated_file_is_refused(catalog, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results())[:50])

    with pytest.raises(InputError, match=r"results\.json:1:42\n.*is not JSON"):
        read(path, Settings(catalog, AS_OF))


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
METRIC = st.sampled_from(["exact_match,strict-match", "acc,none", "acc,\ud800", "alias"])
TASK = st.sampled_from(["gsm8k", "mmlu", "winogrande", "x"])
DOCUMENT = st.fixed_dictionaries(
    {"results": st.dictionaries(TASK, LEAF | st.dictionaries(METRIC, LEAF), min_size=1)},
    optional={
        "n-shot": LEAF | st.dictionaries(TASK, LEAF),
        "n-samples": LEAF
        | st.dictionaries(TASK, LEAF | st.dictionaries(st.just("effective"), LEAF)),
        "group_subtasks": LEAF | st.dictionaries(TASK, LEAF | st.lists(TASK | LEAF, max_size=3)),
        "config": LEAF | st.fixed_dictionaries({"model_args": LEAF}),
        "date": LEAF,
        "lm_eval_version": LEAF,
    },
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DOCUMENT)
def test_any_result_file_is_read_without_a_crash_and_nothing_is_lost(run, document):
    imported = run(document | {"model_name": "Qwen/Qwen3-32B"})

    table_text("quality", imported.rows["quality"]).encode()
    assert len(imported.rows["quality"]) + len(imported.rejected) >= len(document["results"])

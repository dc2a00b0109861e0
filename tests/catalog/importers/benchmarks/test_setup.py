"""What the options say, and what the names in a file stand for."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from tests.catalog.importers.benchmarks.results import FIGURES, serving


def test_options_fill_the_columns_that_no_file_states(rows):
    _, row = rows(
        serving(backend="openai"),
        hardware="h200-sxm-141gb",
        tensor_parallel="4",
        pipeline_parallel="2",
        accelerators="16",
        engine="TRTLLM",
        engine_version="1.0",
        quantization="fp8-kv8",
        kv="fp8",
        source="acme",
        isl="1",
        osl="1",
    )

    assert (row.gpu, row.n_gpus, row.tp, row.pp) == ("h200-sxm-141gb", 16, 4, 2)
    assert (row.engine, row.engine_version) == ("TensorRT-LLM", "1.0")
    assert (row.weight_precision, row.kv_precision) == ("fp8-kv8", "fp8")
    assert row.source == "acme, vllm bench serve"
    # What the file states about lengths counts.
    assert (row.isl, row.osl) == (1000, 200)


def test_accelerators_of_one_copy_are_those_of_the_instance(rows):
    assert rows(serving(), tensor_parallel="2", pipeline_parallel="3")[1].n_gpus == 6
    assert rows(serving(), tensor_parallel="2", accelerators="8")[1].n_gpus == 8


def test_blank_columns_are_noted_with_the_option_that_fills_them(run):
    imported = run(serving(backend="openai"), tensor_parallel=None, quantization=None)

    row = imported.rows["measurements"][0]
    assert (row.n_gpus, row.tp, row.engine, row.weight_precision) == (None, None, "", "")
    assert imported.notes == (
        "n_gpus is blank: say --option tensor_parallel=N",
        "engine is blank: say --option engine=NAME",
        "weight_precision is blank: say --option quantization=ID",
    )


def test_engine_that_the_catalogue_does_not_know_stands_as_said(rows):
    assert rows(serving(), engine="LMDeploy")[1].engine == "LMDeploy"


@pytest.mark.parametrize(
    ("options", "option", "said"),
    [
        ({"hardware": "h100-smx-80gb"}, "hardware", "did you mean `h100-sxm-80gb`"),
        ({"quantization": "fp7"}, "quantization", "formats: bf16"),
        ({"tensor_parallel": "two"}, "tensor_parallel", "`two` is not a whole number above 0"),
        ({"tensor_parallel": "0"}, "tensor_parallel", "not a whole number"),
        ({"accelerators": "2.5"}, "accelerators", "not a whole number"),
        ({"isl": "inf"}, "isl", "not a whole number"),
        ({"tensor_parallel": "4", "accelerators": "6"}, "accelerators", "whole copies of 4"),
    ],
)
def test_option_that_cannot_be_used_stops_before_anything_is_read(run, options, option, said):
    with pytest.raises(InputError) as caught:
        run({}, **options)

    (fault,) = caught.value.faults
    assert fault.path == f"--option {option}"
    assert said in fault.message


def test_all_options_that_cannot_be_used_are_reported_at_once(run):
    with pytest.raises(InputError) as caught:
        run({}, hardware="x", quantization="y", batch="z")

    assert len(caught.value.faults) == 3


def test_accelerator_that_nobody_states_is_a_rejection_with_the_option(run):
    (rejected,) = run(serving(), hardware=None).rejected

    assert rejected.reason == "no_hardware"
    assert "--option hardware=ID" in rejected.detail


@pytest.mark.parametrize(
    ("name", "model", "precision", "params_b"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct", "", 8.03),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct", "", 8.03),
        ("acme/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b-instruct", "fp8", 8.03),
        ("/data/models/My-Model-7B", "my-model-7b", "", None),
        (" Tiny ", "tiny", "", None),
    ],
)
def test_name_is_a_model_of_the_catalogue_or_the_family_name(
    rows, name, model, precision, params_b
):
    _, row = rows(serving(model_id=name), quantization=None)

    assert (row.model, row.weight_precision, row.params_b) == (model, precision, params_b)


def test_said_model_counts_for_a_name_that_means_nothing(rows):
    assert rows(serving(model_id="default"), model="Llama-3.1-8B-Instruct")[1].params_b == 8.03
    assert rows(serving(model_id="default"), model="Acme-7B")[1].model == "acme-7b"


def test_said_model_that_is_not_the_one_in_the_file_is_a_contradiction(reasons):
    assert reasons(serving(), model="llama-3.1-70b-instruct") == ["contradiction"]


@pytest.mark.parametrize("name", [None, "", " ", "None", 7, ["a"], "models/"])
def test_run_without_a_name_says_which_option_to_add(run, name):
    (rejected,) = run(serving(model_id=name)).rejected

    assert rejected.reason == "no_model"
    assert "--option model=ID" in rejected.detail


def test_said_model_gives_figures_for_a_file_without_one(rows):
    values, _ = rows(serving(model_id=None), model="llama-3.1-8b-instruct")

    assert values == pytest.approx(FIGURES)

import pytest

from planner.evaluate.engines import engine_of
from planner.evaluate.names import SAME_ARCHITECTURE, names_of
from tests.options.world import catalog, row, shipped


@pytest.fixture(scope="module")
def names():
    return names_of(shipped())


@pytest.mark.parametrize(
    ("name", "accelerator"),
    [
        ("h100-sxm-80gb", "h100-sxm-80gb"),
        ("H100-SXM-80GB", "h100-sxm-80gb"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm-80gb"),
        ("8xH100-SXM5-80GB", "h100-sxm-80gb"),
        ("H100-80GB", "h100-sxm-80gb"),
        ("A100-80GB", "a100-sxm-80gb"),
        ("A100-SXM4-80GB", "a100-sxm-80gb"),
        ("B200-SXM", "b200-sxm-180gb"),
        ("B200-SXM-192GB", "b200-sxm-180gb"),
        ("GB200", "gb200-nvl72-186gb"),
        ("AMD Instinct MI300X", "mi300x-192gb"),
        ("L4-24GB", "l4-24gb"),
        ("gaudi 3", "gaudi3-128gb"),
        ("Tesla T4", "t4-16gb"),
    ],
)
def test_accelerators_are_found_by_the_names_of_others(names, name, accelerator):
    assert names.accelerator(name).id == accelerator


@pytest.mark.parametrize("name", ["", "TPU", "H100-94GB", "A100-SXM", "WSE-3"])
def test_accelerators_are_never_guessed(names, name):
    assert names.accelerator(name) is None


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("llama-3.1-8b-instruct", "llama-3.1-8b-instruct"),
        ("llama-3.1-8b", "llama-3.1-8b-instruct"),
        ("llama3.1-8b", "llama-3.1-8b-instruct"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct"),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "llama-3.1-8b-instruct"),
        ("mistral-7b", "mistral-7b-instruct-v0.3"),
        ("llama-2-7b-chat", "llama-2-7b"),
        ("llama-3-8b", "llama-3.1-8b-instruct"),
        ("vicuna-7b", "llama-2-7b"),
        ("deepseek-v3", "deepseek-v3"),
        ("deepseek-v3.1", "deepseek-v3"),
        ("qwen3-235b-a22b-instruct-2507", "qwen3-235b-a22b"),
    ],
)
def test_models_are_found_by_family_name(names, name, model):
    assert names.model(name).id == model


@pytest.mark.parametrize("name", ["", "deepseek-v2", "llama", "llama-3.1", "nobody-7b"])
def test_models_are_never_guessed(names, name):
    assert names.model(name) is None


def test_checkpoint_stands_in_for_a_name_nobody_knows(names):
    assert names.model("in-house", "Qwen/Qwen3-32B").id == "qwen3-32b"


@pytest.mark.parametrize("twin", sorted(set(SAME_ARCHITECTURE.values())))
def test_every_twin_leads_to_a_row(names, twin):
    assert names.model(twin) is not None


def test_a_row_of_its_own_goes_before_a_twin():
    models = [row("models"), row("models", id="llama-3.1-8b"), row("models", id="llama-3-8b")]

    assert names_of(catalog(models=models)).model("llama-3-8b").id == "llama-3-8b"


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("vLLM", "vllm"),
        ("vLLM (ROCm)", "vllm"),
        ("Nvidia TensorRT-LLM", "trtllm"),
        ("TensorRT-LLM (PyTorch backend)", "trtllm"),
        ("SGLang", "sglang"),
        ("LMDeploy TurboMind", "other"),
        ("Deepspeed-MII", "other"),
        ("", "other"),
        ("HF Transformers", None),
        ("transformers (pytorch)", None),
        ("llama.cpp", None),
        ("AutoGPTQ", None),
        ("gpt-fast", None),
    ],
)
def test_only_engines_that_serve_are_engines(name, engine):
    assert engine_of(name) == engine

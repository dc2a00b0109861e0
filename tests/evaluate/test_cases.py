import pytest

from planner.evaluate.cases import CaseBuilder
from planner.evaluate.names import names_of
from planner.evaluate.runs import run_of
from tests.evaluate.rows import measured
from tests.options.world import catalog, row, shipped


@pytest.fixture
def builder():
    world = catalog()
    return CaseBuilder(world, names_of(world))


def case_of(builder, **changes):
    return builder.case(run_of(measured(**changes)))


def test_a_plain_row_is_one_replica(builder):
    case = case_of(builder, kv_precision="fp8")

    spec = case.spec
    assert (spec.tensor_parallel, spec.data_parallel, spec.expert_parallel) == (1, 1, 1)
    assert (case.replicas, case.is_serving) == (1, True)
    assert spec.number_format.kv_bytes == 1
    assert spec.architecture.layers == 32


def test_equal_configurations_share_a_case(builder):
    assert case_of(builder, isl=100) is case_of(builder, isl=200)


def test_blank_tensor_parallelism_spans_all_accelerators(builder):
    assert case_of(builder, n_gpus=4, tp="").spec.tensor_parallel == 4


def test_accelerators_beyond_one_replica_are_further_replicas(builder):
    case = case_of(builder, n_gpus=8, tp=2)

    assert (case.spec.tensor_parallel, case.replicas) == (2, 4)


def test_data_and_expert_parallelism_are_in_the_notes(builder):
    notes = "attention_dp=4; moe_tp=1; moe_ep=4"
    spec = case_of(builder, n_gpus=4, tp=1, scenario_notes=notes).spec
    blank = case_of(builder, n_gpus=4, tp="", scenario_notes=notes).spec

    assert (spec.tensor_parallel, spec.data_parallel, spec.expert_parallel) == (1, 4, 4)
    assert blank == spec


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "nobody-7b"}, "unknown_model"),
        ({"gpu": "gpu-z"}, "unknown_accelerator"),
        ({"weight_precision": "fp32"}, "unknown_precision"),
        ({"n_gpus": "", "tp": ""}, "parallelism"),
        ({"n_gpus": 3, "tp": 2}, "parallelism"),
        ({"n_gpus": 3, "tp": 3}, "parallelism"),
        ({"n_gpus": 2, "tp": 2, "scenario_notes": "moe_ep=3"}, "parallelism"),
        ({"scenario_notes": "spec_decoding=mtp"}, "speculative"),
    ],
)
def test_what_cannot_be_built_says_why(builder, changes, reason):
    assert case_of(builder, **changes) == reason


def test_decoding_without_drafts_is_plain(builder):
    assert not isinstance(case_of(builder, scenario_notes="spec_decoding=none; mtp=0"), str)


def test_parts_without_a_link_have_no_interconnect():
    world = catalog(accelerators=[row("accelerators", link="pcie", link_gb_per_s=None)])
    builder = CaseBuilder(world, names_of(world))

    assert case_of(builder, n_gpus=2, tp=2) == "no_interconnect"
    assert case_of(builder, n_gpus=2, tp=1).replicas == 2


def test_parts_without_a_sixteen_bit_rate_have_no_rate():
    world = catalog(accelerators=[row("accelerators", bf16_tflops=None)])

    assert case_of(CaseBuilder(world, names_of(world))) == "no_rate"


def test_bf16_runs_as_fp16_on_parts_without_it():
    builder = CaseBuilder(shipped(), names_of(shipped()))

    case = case_of(builder, model="llama-3.1-8b", gpu="T4", weight_precision="")

    assert case.spec.device.peak_flops == pytest.approx(65.13e12)
    # fp16 is native there: without the multiplier of weights that are widened in the product.
    efficiency = shipped().calibration_row("e_c", "default", "all").value
    assert case.spec.parameters.e_c == pytest.approx(efficiency)


def test_engines_without_a_row_are_trusted_as_little_as_new_hardware():
    builder = CaseBuilder(shipped(), names_of(shipped()))
    common = {"model": "llama-3.1-8b", "gpu": "H100"}

    own, other = (case_of(builder, engine=e, **common) for e in ("vLLM", "LMDeploy"))

    row = shipped().calibration_row
    assert own.trust.sigma_ln_time == row("sigma_ln_time", "accelerator", "h100-sxm-80gb").value
    assert other.trust.sigma_ln_time == row("sigma_ln_time", "default", "all").value
    assert other.trust.sigma_ln_time > own.trust.sigma_ln_time
    multiplier = row("c_layer_us", "engine", "vllm").value
    ratio = own.spec.parameters.c_layer_s / other.spec.parameters.c_layer_s
    assert ratio == pytest.approx(multiplier)
    assert other.spec.engine == own.spec.engine


def test_programs_that_do_not_serve_are_marked(builder):
    assert not case_of(builder, engine="HF Transformers").is_serving


def test_loop_parameters_come_from_the_catalogue(builder):
    loop = case_of(builder).loop
    stated = {row.parameter: row.value for row in shipped().calibration}

    assert (loop.mix, loop.q, loop.burst) == (stated["mix"], stated["queue"], stated["burst"])


def test_settings_of_a_published_script_are_those_of_the_replica():
    world = shipped()
    builder = CaseBuilder(world, names_of(world))
    cells = {
        "source": "ai-dynamo/aiconfigurator silicon_sample.csv",
        "engine_version": "0.19.0",
        "model": "minimax-m2.5",
        "gpu": "B300-SXM",
        "weight_precision": "fp8",
        "n_gpus": 4,
        "tp": 2,
        "scenario_notes": "attention_dp=2; moe_ep=4; measured=2026-04-21",
    }
    case = case_of(builder, **cells)
    plain = case_of(builder, **cells | {"scenario_notes": "attention_dp=2; moe_ep=4"})

    spec = case.spec
    assert (spec.tensor_parallel, spec.data_parallel, spec.expert_parallel) == (1, 2, 2)
    assert spec.engine.chunk_tokens == 2000
    assert plain.spec.devices == 4
    assert plain.spec.engine.chunk_tokens != 2000


def test_engines_that_look_rarely_or_hold_prompts_back_do_so_in_closed_loops():
    world = shipped()
    builder = CaseBuilder(world, names_of(world))
    cells = {
        "source": "ai-dynamo/aiconfigurator silicon_sample.csv",
        "model": "deepseek-r1",
        "gpu": "B200-SXM",
        "weight_precision": "fp4",
        "n_gpus": 8,
    }
    dated = "attention_dp={}; moe_ep=8; measured=2026-02-03"
    rare = case_of(builder, engine="SGLang", scenario_notes=dated.format(1), tp=8, **cells)
    held = case_of(builder, engine="TensorRT-LLM", scenario_notes=dated.format(8), tp=1, **cells)

    assert (rare.loop.poll, rare.loop.idle) == (15.0, 1.0)
    assert (held.loop.poll, held.loop.idle) == (30.0, 0.0)

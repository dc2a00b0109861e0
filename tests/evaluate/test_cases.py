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

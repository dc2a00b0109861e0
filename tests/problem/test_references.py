"""Names that must lead somewhere: in the catalogue, an overlay, or the measured capacities."""

from __future__ import annotations

import pytest

from planner.catalog.load import load_catalog
from planner.problem.load import load_problem
from planner.problem.references import reference_faults, resolve_hardware

TABLE = "workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps\n"


@pytest.fixture(scope="module")
def catalog():
    return load_catalog([])


@pytest.fixture
def faults_of(problem_file, catalog):
    def faults(*edits):
        return reference_faults(load_problem(problem_file(*edits)), catalog)

    return faults


def test_a_problem_without_names_has_no_fault(faults_of):
    assert faults_of() == []


def test_names_of_measured_rows_need_no_catalogue(problem_file, catalog):
    path = problem_file(
        ("name: base\n", "name: base\nperformance: m.csv\n"),
        ("policy:", "candidates: {models: [mine], hardware: [box], engines: [own], "
                    "quantizations: [q]}\npolicy:"),
    )  # fmt: skip
    (path.parent / "m.csv").write_text(f"{TABLE}chat,mine,q,box,1,own,2\n")

    assert reference_faults(load_problem(path), catalog) == []


def test_a_benchmark_with_scores_of_the_problem_needs_no_catalogue(faults_of):
    own = (
        "    quality: [{benchmark: ours, min_score: 0.5}]\n"
        "    quality_scores: [{model: llama-3.1-8b-instruct, benchmark: ours, score: 0.6}]\n"
    )

    assert faults_of(("    slo:", own + "    slo:")) == []


def test_model_of_an_own_score_must_exist(faults_of):
    own = "    quality_scores: [{model: llama, benchmark: ours, score: 0.6}]\n"

    (fault,) = faults_of(("    slo:", own + "    slo:"))

    assert fault.path == "workloads.chat.quality_scores.0.model"


@pytest.mark.parametrize(
    ("field", "value"), [("provider", "nobody"), ("region", "nowhere"), ("hardware", "abacus")]
)
def test_every_name_of_a_quota_must_exist(faults_of, field, value):
    quota = {"hardware": "h100-sxm-80gb", "max_accelerators": 1, field: value}
    line = f"supply: {{quotas: [{quota}]}}\npolicy:".replace("'", "")

    (fault,) = faults_of(("policy:", line))

    assert fault.path == f"supply.quotas.0.{field}"
    assert f"`{value}`" in fault.message


def test_every_unknown_name_is_reported(faults_of):
    found = faults_of(("policy:", "candidates: {models: [x1, x2], engines: [x3]}\npolicy:"))

    assert [f.path for f in found] == [
        "candidates.models.0",
        "candidates.models.1",
        "candidates.engines.0",
    ]


def test_another_name_of_hardware_is_resolved_everywhere(problem_file, catalog):
    quota = "{hardware: H100, max_accelerators: 1}"
    named = f"candidates: {{hardware: [H100]}}\nsupply: {{quotas: [{quota}]}}\npolicy:"
    loaded = load_problem(problem_file(("policy:", named)))

    problem = resolve_hardware(loaded, catalog).problem

    assert reference_faults(loaded, catalog) == []
    assert problem.candidates.hardware == ["h100-sxm-80gb"]
    assert problem.supply.quotas[0].hardware == "h100-sxm-80gb"


def test_flat_is_a_profile_without_a_row(faults_of):
    assert faults_of(("requests_per_day: 1000", "requests_per_day: 1000, profile: flat")) == []


def test_a_system_is_hardware_by_its_id_or_alias(problem_file, catalog):
    path = problem_file(
        (
            "policy:",
            "candidates: {hardware: [cs-3, sambanova-sn40l-8], engines: [vendor]}\npolicy:",
        )
    )
    loaded = load_problem(path)

    assert reference_faults(loaded, catalog) == []
    resolved = resolve_hardware(loaded, catalog).problem.candidates.hardware
    assert resolved == ["cerebras-cs-3", "sambanova-sn40l-8"]


def test_round_trips_may_name_places_that_the_problem_states_itself(faults_of):
    edit = (
        "scenarios:",
        """\
supply:
  capacity_blocks:
    - {name: cb, provider: mine, hardware: h100-sxm-80gb, accelerators_per_node: 1, region: cellar,
       since: 2027-01, until: 2027-04, max_nodes: 1, usd_per_node_hour: 1}
  existing:
    - {hardware: h100-sxm-80gb, tenure: owned, nodes: 1, accelerators_per_node: 1, provider: us,
       region: roof, usd_per_node_hour: 1}
  round_trip_ms: {mine: 1, cellar: 2, us: 3, roof: 4, default: 5, us-east-1: 6, aws: 7}
scenarios:""",
    )

    assert faults_of(edit) == []


@pytest.mark.parametrize(
    ("edit", "hint"),
    [
        ("candidates: {engines: [VLLM]}", "; did you mean `vllm` or"),
        ("candidates: {quantizations: [FP8]}", "; did you mean `fp8` or"),
        ("candidates: {hardware: [h100-sxm-80g]}", "; did you mean `h100-sxm-80gb` or"),
        ("candidates: {hardware: [B300x]}", "; did you mean `b300-sxm-288gb`?"),
        ("candidates: {engines: [tensorrt]}", "; there are sglang, trtllm, vendor, vllm."),
        ("supply: {providers: [AWS]}", "; did you mean `aws`?"),
        ("supply: {site: frankfurt}", "; did you mean `de-frankfurt`?"),
        ("supply: {servers: [h100]}", "`h100-nvl-card`"),
        ("supply: {api_limits: [{provider: Novita, requests_per_minute: 1}]}", "`novita`"),
    ],
)
def test_an_unknown_name_gets_the_nearest_that_exist(faults_of, edit, hint):
    (fault,) = faults_of(("policy:", f"{edit}\npolicy:"))

    assert hint in fault.message


BLOCK = (
    "provider: aws, hardware: H100, accelerators_per_node: 8, since: 2027-01, until: 2027-04, "
    "instance: p5.48xlarge, region: us-east-1"
)


@pytest.mark.parametrize(
    ("old", "new", "path", "hint"),
    [
        ("provider: aws", "provider: awss", "provider", "`aws`"),
        ("p5.48xlarge", "p5.48xlarg", "instance", "`p5.48xlarge`"),
        ("us-east-1", "us-east-11", "region", "`us-east-1`"),
        ("H100", "h100-sxm-80g", "hardware", "`h100-sxm-80gb`"),
    ],
)
def test_every_name_of_a_capacity_block_of_the_catalogue_must_exist(
    faults_of, old, new, path, hint
):
    block = f"{{name: b, {BLOCK}, max_nodes: 2}}".replace(old, new, 1)

    (fault,) = faults_of(("policy:", f"supply: {{capacity_blocks: [{block}]}}\npolicy:"))

    assert fault.path == f"supply.capacity_blocks.b.{path}"
    assert hint in fault.message


def test_a_block_that_nobody_sells_names_those_that_are_sold(faults_of):
    block = f"{{name: b, {BLOCK}, max_nodes: 2}}".replace("node: 8", "node: 3")

    (fault,) = faults_of(("policy:", f"supply: {{capacity_blocks: [{block}]}}\npolicy:"))

    assert ", or take one of the catalogue: aws 1 x" in fault.message
    assert "aws 8 x h100-sxm-80gb" in fault.message


def test_regions_and_providers_of_own_nodes_need_no_catalogue(faults_of):
    nodes = (
        "{hardware: H100, tenure: reserved_1y, nodes: 1, accelerators_per_node: 8, "
        "usd_per_node_hour: 1, provider: own, region: berlin}"
    )
    quota = "{hardware: H100, max_accelerators: 8, provider: own, region: berlin}"
    supply = f"supply: {{existing: [{nodes}], quotas: [{quota}]}}\npolicy:"

    assert faults_of(("policy:", supply), ("    slo:", "    residency: [berlin]\n    slo:")) == []


def test_units_are_of_a_provider_that_the_catalogue_or_an_own_node_names(faults_of):
    def faults(provider):
        units = (
            f"[{{name: ptu, provider: {provider}, model: llama-3.3-70b-instruct, "
            "usd_per_unit_hour: 1, tokens_per_minute_per_unit: 9000}]"
        )
        nodes = (
            "[{hardware: H100, tenure: owned, nodes: 1, accelerators_per_node: 8, "
            "usd_per_node_hour: 1, provider: mine}]"
        )
        return faults_of(
            ("policy:", f"supply: {{existing: {nodes}, provisioned: {units}}}\npolicy:")
        )

    assert [faults(name) for name in ("azure", "openai", "mine")] == [[], [], []]
    (fault,) = faults("Azure")
    assert fault.path == "supply.provisioned.ptu.provider"
    assert "; did you mean `azure`?" in fault.message


OWN = (
    "{name: b, provider: PROVIDER, hardware: h100-sxm-80gb, accelerators_per_node: 8, "
    "since: 2027-01, until: 2028-01, max_nodes: 4, usd_per_node_hour: 2}"
)


@pytest.mark.parametrize(
    ("provider", "providers", "faulty"),
    [
        ("lambdaa", "[lambda]", True),  # nobody sells there, and nothing can be reserved
        ("lambdaa", "[lambda, lambdaa]", False),  # the block states all that is needed
        ("lambdaa", "[]", False),  # every provider may be used
        ("aws", "[lambda]", False),  # a provider that is kept out on purpose
    ],
)
def test_a_block_of_a_provider_that_nobody_lists_is_a_fault(
    faults_of, provider, providers, faulty
):
    block = OWN.replace("PROVIDER", provider)
    supply = f"supply: {{providers: {providers}, capacity_blocks: [{block}]}}\npolicy:"

    found = faults_of(("policy:", supply))

    assert [f.path for f in found] == faulty * ["supply.capacity_blocks.b.provider"]
    assert all("did you mean `lambda`?" in f.message for f in found)

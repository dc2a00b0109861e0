"""The shipped facts: figures checked by hand against their sources, and their coherence."""

import datetime
from collections import Counter

import pytest

from planner.catalog.calibration import parameter
from planner.catalog.check import check_catalog
from planner.catalog.dates import parse_partial_date
from planner.catalog.location import shipped_path
from planner.catalog.offers import price_lists_at
from planner.catalog.schema import TABLES

START = datetime.date(2027, 1, 1)
CALIBRATED = (
    "h100-sxm-80gb",
    "h200-sxm-141gb",
    "b200-sxm-180gb",
    "b300-sxm-288gb",
    "gb200-nvl72-186gb",
)
PARAMETERS = (
    "e_c",
    "e_m",
    "p_overlap",
    "e_c_moe",
    "e_m_moe",
    "expert_cv",
    "e_kv",
    "e_att",
    "a_ar_us",
    "e_net",
    "c_layer_us",
    "c_moe_us",
    "c_step_us",
    "c_req_us",
    "c_first_us",
    "t_req_ms",
    "mix",
    "queue",
    "burst",
    "throughput_factor",
    "sigma_ln_time",
)


def test_the_shipped_catalogue_has_no_errors(shipped):
    assert check_catalog(shipped).errors == ()


def test_the_only_shipped_doubts_are_known_ones(shipped):
    paths = Counter(fault.path for fault in check_catalog(shipped).warnings)

    assert set(paths) <= {
        "accelerators.memory_basis",
        "accelerators.int8_tops",
        "accelerators.architecture",
        "offers.as_of",
    }


@pytest.mark.parametrize(
    ("accelerator", "figures"),
    [
        ("h100-sxm-80gb", (81559, 3350, 989, 1978, 450)),
        ("h200-sxm-141gb", (143771, 4800, 989, 1978, 450)),
        ("b200-sxm-180gb", (183359, 7700, 2250, 4500, 900)),
        ("b300-sxm-288gb", (275040, 7750, 2250, 4500, 900)),
        ("gb200-nvl72-186gb", (189471, 8000, 2500, 5000, 900)),
        ("a100-sxm-80gb", (81920, 2039, 312, None, 300)),
        ("a100-pcie-80gb", (81920, 1935, 312, None, None)),
        ("l40s-48gb", (46068, 864, 362.05, 733, None)),
        ("mi300x-192gb", (196592, 5300, 1307.4, 2614.9, 448)),
        ("a10g-24gb", (23028, 600, None, None, None)),
    ],
)
def test_hardware_figures_are_those_of_the_sources(shipped, accelerator, figures):
    """Driver MiB, GB/s, dense bf16 and fp8 TFLOPS, one-way link GB/s."""
    row = shipped.accelerator(accelerator)

    assert figures == (
        row.memory_mib,
        row.bandwidth_gb_per_s,
        row.bf16_tflops,
        row.fp8_tflops,
        row.link_gb_per_s,
    )


def test_b200_memory_is_what_the_driver_reports_in_bytes(shipped):
    assert shipped.accelerator("b200-sxm-180gb").memory_bytes == 183_359 * 2**20


def test_no_part_before_hopper_and_ada_has_fp8(shipped):
    ampere = [a for a in shipped.accelerators if a.id.startswith(("a10", "a40", "t4", "v100"))]

    assert len(ampere) == 9
    assert all(a.fp8_tflops is None and a.fp4_tflops is None for a in ampere)


def test_every_part_with_nvlink_knows_its_link_rate(shipped):
    linked = [a for a in shipped.accelerators if a.link == "nvlink"]

    assert len(linked) == 9
    assert all(a.link_gb_per_s for a in linked)


@pytest.mark.parametrize(
    ("name", "accelerator"),
    [
        ("A100-80GB", "a100-sxm-80gb"),
        ("H100-SXM", "h100-sxm-80gb"),
        ("NVIDIA-H100-80GB-HBM3", "h100-sxm-80gb"),
        ("nvidia h200", "h200-sxm-141gb"),
        ("Tesla T4", "t4-16gb"),
        ("l40s-48gb", "l40s-48gb"),
    ],
)
def test_names_of_clouds_drivers_and_clusters_resolve(shipped, name, accelerator):
    assert shipped.resolve_accelerator(name) == accelerator


def test_no_alias_stands_for_two_accelerators(shipped):
    folded = Counter(alias.alias.casefold() for alias in shipped.aliases)

    assert [name for name, count in folded.items() if count > 1] == []


def test_all_reduce_bandwidth_of_pcie_groups_falls_with_their_size(shipped):
    rates = [shipped.interconnect("l40s-48gb", n).bus_bandwidth_gb_per_s for n in (2, 4, 8)]

    assert rates == [19, 4, 2]


def test_token_prices_cover_eight_providers(shipped):
    rows = [prices.base for prices in price_lists_at(shipped, START)]

    assert len({o.provider for o in rows}) >= 8
    assert {"llama-3.3-70b-instruct", "gpt-oss-120b", "deepseek-r1"} <= {o.model for o in rows}


def test_a_token_price_with_a_start_date_replaces_the_one_before(shipped):
    def price(day):
        (row,) = [
            o
            for o in (prices.base for prices in price_lists_at(shipped, day))
            if o.offer_id == "novita:meta-llama/llama-3.3-70b-instruct:standard"
        ]
        return row.input_usd_per_mtok

    assert price(datetime.date(2026, 10, 17)) == 0.39
    assert price(datetime.date(2026, 10, 18)) == 0.135


def test_a_batch_price_is_half_of_the_standard_price(shipped):
    rows = {o.offer_id: o for o in shipped.api_offers}
    standard, batch = (rows[f"groq:openai/gpt-oss-120b:{m}"] for m in ("standard", "batch"))

    assert batch.input_usd_per_mtok == standard.input_usd_per_mtok / 2
    assert batch.output_usd_per_mtok == standard.output_usd_per_mtok / 2


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_has_a_value_for_every_shipped_combination(shipped, name, engine):
    for accelerator in shipped.accelerators:
        for quantization in shipped.quantizations:
            found = parameter(
                shipped,
                name,
                accelerator=accelerator.id,
                engine=engine,
                quantization=quantization.id,
            )
            assert found.value > 0


def test_layer_overhead_is_the_default_times_the_engine(shipped):
    here = {"accelerator": "h100-sxm-80gb", "quantization": "bf16"}

    # 45.2 x 0.892 and 45.2 x 1.23
    trtllm, vllm = (parameter(shipped, "c_layer_us", engine=e, **here) for e in ("trtllm", "vllm"))
    assert (trtllm.value, vllm.value) == pytest.approx((40.3184, 55.596))


@pytest.mark.parametrize(
    ("accelerator", "quantization", "factor"),
    [
        ("h100-sxm-80gb", "fp8", 1.0),
        ("b200-sxm-180gb", "nvfp4", 1.0),
        ("l40s-48gb", "fp8", 1.0),
        ("mi300x-192gb", "fp8", 0.88),
        ("mi355x-288gb", "fp8", 0.80),
        ("mi355x-288gb", "nvfp4", 0.70),
    ],
)
def test_hardware_without_measurements_is_planned_slower(
    shipped, accelerator, quantization, factor
):
    found = parameter(
        shipped,
        "throughput_factor",
        accelerator=accelerator,
        engine="vllm",
        quantization=quantization,
    )

    assert found.value == factor
    assert (found.provenance == "calibrated") is (accelerator in CALIBRATED)


def test_hardware_without_measurements_is_less_certain(shipped):
    def sigma(accelerator):
        return parameter(
            shipped,
            "sigma_ln_time",
            accelerator=accelerator,
            engine="vllm",
            quantization="bf16",
        ).value

    assert [sigma(a) for a in CALIBRATED] == [0.17] * 5
    assert (sigma("a100-sxm-80gb"), sigma("mi355x-288gb")) == (0.24, 0.3)


@pytest.mark.parametrize(
    ("profile", "hours"),
    [
        ("flat", 24),
        ("servegen_m_small_diurnal_clients_hod", 24),
        ("servegen_deepseek_r1_total_hod", 24),
        ("servegen_m_large_total", 168),
        ("servegen_m_small_total", 168),
    ],
)
def test_profiles_are_whole_days_or_weeks_with_mean_one(shipped, profile, hours):
    multipliers = shipped.profile(profile)

    assert len(multipliers) == hours
    assert sum(multipliers) / hours == pytest.approx(1, abs=0.01)


def test_azure_conversation_lengths_reproduce_the_published_median(shipped):
    """Half of the prompts of the 2023 conversation trace have at most 1,020 tokens."""
    cells = sorted(shipped.length_cells("azure_2023_conversation"), key=lambda c: c.isl_tokens)
    below = sum(c.probability for c in cells if c.isl_tokens <= 1020)
    mean = sum(c.probability * c.isl_tokens for c in cells)

    assert below == pytest.approx(0.5, abs=0.06)
    assert mean == pytest.approx(1155, rel=0.01)


def test_azure_conversation_outputs_have_the_published_mean(shipped):
    cells = shipped.length_cells("azure_2023_conversation")

    assert sum(c.probability * c.osl_tokens for c in cells) == pytest.approx(211, rel=0.01)


@pytest.mark.parametrize(
    "name",
    [
        "azure_2023_conversation",
        "mooncake_conversation",
        "arxiv_summarization_offline",
        "servegen_m_large",
        "servegen_m_small",
        "servegen_deepseek_r1",
        "servegen_mm_image",
    ],
)
def test_every_length_histogram_sums_to_one(shipped, name):
    cells = shipped.length_cells(name)

    assert sum(c.probability for c in cells) == pytest.approx(1, abs=1e-7)
    assert [c.cell for c in cells] == list(range(len(cells)))


@pytest.mark.parametrize("table", list(TABLES))
def test_every_shipped_row_is_dated_in_the_past(shipped, table):
    assert all(parse_partial_date(row.as_of) <= START for row in shipped.table(table))


def test_attributions_of_licensed_data_are_shipped():
    notice = (shipped_path("catalogs") / "NOTICE").read_text(encoding="utf-8")

    for name in (
        "AzurePublicDataset",
        "Mooncake",
        "ServeGen",
        "vidur",
        "llm-stats",
        "genai-prices",
    ):
        assert name in notice

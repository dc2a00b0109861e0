"""The catalogue as a whole: merging overlays, aliases, look-ups and the checksum."""

import re
from pathlib import Path

import pytest

from planner.catalog.load import load_catalog
from planner.catalog.schema import TABLES
from planner.errors import InputError

OFFERS = (
    "provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,"
    "valid_from,source,as_of\n"
)
P5 = "aws,p5.48xlarge,us-east-1,on_demand,H100-SXM,8,40,2026,my contract,2026-12\n"
MINE = "mine,rack,cellar,on_demand,my-chip,4,2,2026,me,2026\n"


def test_an_overlay_row_replaces_the_shipped_row_with_its_key(shipped, overlay):
    catalog = load_catalog([overlay(offers=OFFERS + P5)])

    (row,) = [o for o in catalog.offers if o.source == "my contract"]
    assert row.price_usd_per_hour == 40
    assert len(catalog.offers) == len(shipped.offers)


def test_an_overlay_row_with_a_new_key_is_added(shipped, overlay):
    catalog = load_catalog([overlay(offers=OFFERS + P5.replace("2026,my", "2026-12,my"))])

    assert len(catalog.offers) == len(shipped.offers) + 1


def test_an_overlay_leaves_all_other_tables_alone(shipped, overlay):
    catalog = load_catalog([overlay(offers=OFFERS + P5)])

    assert catalog.models == shipped.models
    assert catalog.lengths == shipped.lengths


def test_the_last_overlay_wins(overlay):
    first = overlay("first", offers=OFFERS + P5)
    last = overlay("last", offers=OFFERS + P5.replace(",40,", ",41,"))

    prices = {o.price_usd_per_hour for o in load_catalog([first, last]).offers if "my" in o.source}
    assert prices == {41}


def test_overlay_order_is_what_decides(overlay):
    first = overlay("first", offers=OFFERS + P5)
    last = overlay("last", offers=OFFERS + P5.replace(",40,", ",41,"))

    prices = {o.price_usd_per_hour for o in load_catalog([last, first]).offers if "my" in o.source}
    assert prices == {40}


def test_an_overlay_may_name_an_accelerator_by_any_alias(overlay):
    folder = overlay(offers=OFFERS + P5.replace("H100-SXM", "nvidia h100 80gb hbm3"))

    (row,) = [o for o in load_catalog([folder]).offers if o.source == "my contract"]
    assert row.accelerator == "h100-sxm-80gb"


def test_an_overlay_brings_its_own_aliases(overlay):
    folder = overlay(
        aliases="alias,accelerator,source,as_of\nour box,h200-sxm-141gb,me,2026\n",
        offers=OFFERS + P5.replace("H100-SXM", "our box").replace("8,40", "8,30"),
    )

    catalog = load_catalog([folder])
    assert catalog.resolve_accelerator("OUR BOX") == "h200-sxm-141gb"
    assert {o.accelerator for o in catalog.offers if "my" in o.source} == {"h200-sxm-141gb"}


def test_hardware_that_no_table_knows_is_kept_for_measured_capacities(overlay):
    catalog = load_catalog([overlay(offers=OFFERS + MINE)])

    assert [o.accelerator for o in catalog.offers if o.provider == "mine"] == ["my-chip"]
    assert catalog.accelerator("my-chip") is None


def test_a_table_that_does_not_exist_is_named_with_a_near_miss(overlay):
    folder = overlay(offer=OFFERS)

    with pytest.raises(InputError, match=r"offer\.csv\n +no table `offer`; did you mean `offers`"):
        load_catalog([folder])


def test_a_table_without_near_miss_lists_the_tables(overlay):
    with pytest.raises(InputError, match=r"no table `zzz`; tables are accelerators, aliases"):
        load_catalog([overlay(zzz="a\n")])


def test_files_that_are_no_tables_are_left_alone(overlay):
    folder = overlay(offers=OFFERS)
    without = load_catalog([folder]).sha256
    (folder / "README.md").write_text("about these rows")

    assert load_catalog([folder]).sha256 == without


def test_an_overlay_without_any_table_is_a_fault(overlay):
    folder = overlay()
    (folder / "README.md").write_text("about these rows")

    with pytest.raises(InputError, match="the overlay holds no table"):
        load_catalog([folder])


def test_an_overlay_that_does_not_exist_is_a_fault():
    with pytest.raises(InputError, match=r"nowhere\n +the overlay does not exist"):
        load_catalog([Path("nowhere")])


def test_an_overlay_that_is_a_file_of_another_kind_is_a_fault(overlay):
    file = overlay(offers=OFFERS) / "offers.csv"

    with pytest.raises(InputError, match=r"not a folder; a single file must be YAML \(\.yaml\)"):
        load_catalog([file])


def test_faults_of_all_tables_and_overlays_are_reported_at_once(overlay):
    first = overlay("first", offers=OFFERS + P5.replace(",40,", ",x,"), models="id\n")
    last = overlay("last", aliases="alias,accelerator,source,as_of\nname,two words,me,2026\n")

    with pytest.raises(InputError, match="planner catalog list") as caught:
        load_catalog([first, last, Path("nowhere")])
    files = {Path(f.file).parent.name + "/" + Path(f.file).name for f in caught.value.faults}
    assert {"first/offers.csv", "first/models.csv", "last/aliases.csv", "/nowhere"} == files


def test_the_position_of_a_fault_leads_to_the_cell(overlay):
    folder = overlay(offers=OFFERS + MINE + P5.replace(",40,", ",cheap,"))
    where = re.escape(str(folder / "offers.csv"))

    with pytest.raises(InputError, match=rf"{where}:3:7  offers\.price_usd_per_hour\n.*`cheap`"):
        load_catalog([folder])


def test_every_row_knows_the_file_and_line_it_came_from(overlay):
    folder = overlay(offers=OFFERS + MINE + P5)
    catalog = load_catalog([folder])

    (row,) = [o for o in catalog.offers if o.source == "my contract"]
    origin = catalog.origin("offers", row)
    assert (origin.file, origin.line) == (str(folder / "offers.csv"), 3)


def test_shipped_rows_come_from_the_shipped_files(shipped):
    origin = shipped.origin("accelerators", shipped.accelerators[0])

    assert (origin.file, origin.line) == ("catalogs/accelerators.csv", 2)


def test_the_same_facts_have_the_same_checksum(shipped):
    assert load_catalog().sha256 == shipped.sha256
    assert re.fullmatch(r"[0-9a-f]{64}", shipped.sha256)


def test_the_checksum_ignores_the_order_of_rows(row, world):
    one, two = row("models", id="m1"), row("models", id="m2")

    assert world(models=[one, two]).sha256 == world(models=[two, one]).sha256


def test_the_checksum_ignores_how_a_number_is_written(overlay):
    plain = overlay("plain", offers=OFFERS + MINE)
    spelled = overlay("spelled", offers=OFFERS + MINE.replace(",4,2,", ",4,2.00,"))

    assert load_catalog([plain]).sha256 == load_catalog([spelled]).sha256


def test_the_checksum_follows_every_fact(row, world):
    before = world(offers=[row("offers")])
    after = world(offers=[row("offers", price_usd_per_hour=16.01)])

    assert before.sha256 != after.sha256


def test_the_checksum_follows_the_source_of_a_fact(row, world):
    before, after = (world(offers=[row("offers", source=s)]) for s in ("one", "other"))

    assert before.sha256 != after.sha256


def test_rows_are_found_by_key(sound):
    catalog = sound()

    assert catalog.accelerator("gpu-a").name == "GPU A"
    assert catalog.model("model-a").layers == 2
    assert catalog.quantization("bf16").kv_bytes == 2
    assert catalog.engine("engine-a").chunk_tokens == 8192
    assert catalog.interconnect("gpu-a", 2).bus_bandwidth_gb_per_s == 20
    assert catalog.calibration_row("c_layer_us", "default", "all").value == 40


def test_a_key_that_no_row_has_gives_none(sound):
    catalog = sound()

    assert catalog.accelerator("x") is None
    assert catalog.model("x") is None
    assert catalog.quantization("x") is None
    assert catalog.engine("x") is None
    assert catalog.interconnect("gpu-a", 4) is None
    assert catalog.calibration_row("c_layer_us", "engine", "all") is None
    assert catalog.profile("x") is None
    assert catalog.length_cells("x") is None
    assert catalog.scores("x", "mmlu") == ()


def test_an_alias_leads_to_its_accelerator_in_any_case(sound):
    catalog = sound()

    assert catalog.resolve_accelerator("  gpu-a-RACK ") == "gpu-a"
    assert catalog.accelerator("GPU-A-Rack").id == "gpu-a"


def test_an_id_goes_before_an_alias_of_the_same_name(row, sound):
    rows = [row("accelerators"), row("accelerators", id="gpu-b")]
    catalog = sound(
        accelerators=rows, aliases=[row("aliases", alias="GPU-B", accelerator="gpu-a")]
    )

    assert catalog.resolve_accelerator("gpu-b") == "gpu-b"


def test_interconnects_are_found_under_the_id_that_an_alias_stands_for(overlay):
    folder = overlay(
        interconnects="accelerator,accelerators,allreduce_latency_us,bus_bandwidth_gb_per_s,"
        "source,as_of\nNVIDIA A100 80GB PCIe,2,15,20,me,2026\n"
    )

    found = load_catalog([folder]).interconnect("a100-pcie-80gb", 2)
    assert found.bus_bandwidth_gb_per_s == 20


def test_two_names_of_one_accelerator_in_one_file_repeat_its_key(overlay):
    folder = overlay(
        interconnects="accelerator,accelerators,allreduce_latency_us,bus_bandwidth_gb_per_s,"
        "source,as_of\nL4,2,15,20,me,2026\nNVIDIA L4,2,16,21,me,2026\n"
    )

    with pytest.raises(InputError, match=r"csv:3.*\n.*repeats the key \(l4-24gb, 2\) of line 2"):
        load_catalog([folder])


def test_a_profile_is_its_multipliers_in_order_of_the_hour(row, world):
    points = [row("profiles", hour=hour, multiplier=hour / 11.5) for hour in reversed(range(24))]

    assert world(profiles=points).profile("even") == tuple(hour / 11.5 for hour in range(24))


def test_length_cells_are_those_of_one_histogram(row, world):
    cells = [row("lengths"), row("lengths", lengths="long", isl_tokens=9000)]

    assert [c.isl_tokens for c in world(lengths=cells).length_cells("long")] == [9000]


def test_scores_are_those_of_one_model_and_benchmark(row, world):
    rows = [
        row("quality"),
        row("quality", evaluator="other"),
        row("quality", benchmark="ifeval"),
        row("quality", model="model-b"),
    ]

    assert [q.evaluator for q in world(quality=rows).scores("model-a", "mmlu")] == [
        "acme",
        "other",
    ]


def test_every_table_can_be_read_by_name(sound):
    catalog = sound()

    assert all(catalog.table(name) for name in TABLES)


def test_an_empty_catalogue_is_possible(world):
    assert all(world().table(name) == () for name in TABLES)

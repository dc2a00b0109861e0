"""Reading SkyPilot price files: what becomes an offer, what is flagged, what is rejected."""

import contextlib
import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.record import Settings, table_text
from planner.catalog.importers.skypilot import read
from planner.errors import InputError

HEADER = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,"
    "AvailabilityZone,GpuInfo"
)
AS_OF = "2026-11-01"


@pytest.fixture(scope="module")
def catalog(world, row):
    accelerators = {"h100-sxm": "SXM5", "h100-pcie": "PCIe", "l4-24gb": "PCIe", "tpu-v6e": ""}
    aliases = {"H100": "h100-sxm", "H100-MEGA": "h100-sxm", "H100-PCIe": "h100-pcie"}
    return world(
        accelerators=[
            row("accelerators", id=key, form_factor=form) for key, form in accelerators.items()
        ],
        aliases=[
            row("aliases", alias=alias, accelerator=key)
            for alias, key in (aliases | {"L4": "l4-24gb", "A100": "a100-without-row"}).items()
        ],
    )


@pytest.fixture
def import_text(tmp_path, catalog):
    """Return a function that imports lines of a price file of a cloud."""

    def run(*lines, cloud="gcp", header=HEADER):
        folder = tmp_path / cloud
        folder.mkdir(exist_ok=True)
        path = folder / "vms.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return read(path, Settings(catalog, AS_OF))

    return run


def _prices(imported):
    return {
        (o.instance, o.region, o.tenure): o.price_usd_per_hour for o in imported.rows["offers"]
    }


def test_line_with_both_prices_becomes_an_on_demand_and_a_spot_offer(import_text):
    imported = import_text("big,H100,8.0,208,1872,55.04,17.5,us-east-1,use1-az1,", cloud="aws")

    assert _prices(imported) == {
        ("big", "us-east-1", "on_demand"): 55.04,
        ("big", "us-east-1", "spot"): 17.5,
    }
    assert {(o.provider, o.accelerator, o.accelerators) for o in imported.rows["offers"]} == {
        ("aws", "h100-sxm", 8)
    }
    assert imported.rejected == ()


def test_every_offer_carries_source_and_date(import_text):
    offers = import_text("big,H100,8,,,55,17,us,a,", cloud="aws").rows["offers"]

    assert {(o.source, o.as_of, o.valid_from) for o in offers} == {
        ("SkyPilot catalogue, aws/vms.csv", AS_OF, AS_OF)
    }


def test_option_cloud_wins_over_the_folder_name(import_text, tmp_path, catalog):
    named_by_folder = import_text("big,H100,8,,,55,17,us,a,", cloud="download")

    named = read(tmp_path / "download", Settings(catalog, AS_OF, {"cloud": "aws"}))

    assert {o.provider for o in named_by_folder.rows["offers"]} == {"download"}
    assert {o.provider for o in named.rows["offers"]} == {"aws"}


def test_cloud_can_be_given_as_an_option(tmp_path, catalog):
    path = tmp_path / "prices.csv"
    path.write_text(f"{HEADER}\nbig,H100,8,,,55,17,us,a,\n")

    imported = read(path, Settings(catalog, AS_OF, {"cloud": "Lambda"}))

    assert {o.provider for o in imported.rows["offers"]} == {"lambda"}


def test_cloud_that_is_no_key_is_an_error(import_text):
    with pytest.raises(InputError, match="give the option cloud"):
        import_text("big,H100,8,,,55,17,us,a,", cloud="my cloud")


def test_folder_stands_for_the_price_file_in_it(import_text, tmp_path, catalog):
    from_file = import_text("big,H100,8,,,55,17,us,a,")

    from_folder = read(tmp_path / "gcp", Settings(catalog, AS_OF))

    assert from_folder == from_file


def test_columns_are_read_by_name_in_any_order_and_extra_ones_are_counted(import_text):
    header = "Region,Arch,Price,AcceleratorCount,AcceleratorName,InstanceType,UpstreamCloudId"

    imported = import_text("us,x86_64,23.6,8,H100,big,7", header=header, cloud="nebius")

    assert _prices(imported) == {("big", "us", "on_demand"): 23.6}
    assert "2 columns were not read: Arch, UpstreamCloudId" in imported.notes


def test_split_lines_are_summed_within_the_zone(import_text):
    imported = import_text(
        "a3-highgpu-8g,,,208,1872,9.46006,3.68077,us-east4,us-east4-a,",
        ",H100,8,,,78.37241,30.4792,us-east4,us-east4-a,",
    )

    assert _prices(imported) == {
        ("a3-highgpu-8g", "us-east4", "on_demand"): 87.83247,
        ("a3-highgpu-8g", "us-east4", "spot"): 34.15997,
    }
    assert imported.rejected == ()
    assert {o.notes for o in imported.rows["offers"]} == {"sum of accelerators and host"}


def test_accelerators_without_their_host_are_rejected(import_text):
    imported = import_text(
        "a3-highgpu-8g,,,208,1872,9.46,3.68,us-east4,us-east4-b,",
        "a2-highgpu-8g,,,96,680,5.9,3.1,us-east4,us-east4-a,",
        ",H100,8,,,78.37,30.48,us-east4,us-east4-a,",
        ",H100,3,,,30,10,us-east4,us-east4-b,",
    )

    assert imported.rows["offers"] == ()
    assert imported.rejected_by_reason() == {"no_host": 2, "no_accelerator": 1}


def test_every_host_shape_that_carries_the_accelerators_becomes_an_offer(import_text):
    imported = import_text(
        "g2-standard-4,,,4,16,0.15,0.06,us,a,",
        "g2-standard-8,,,8,32,0.29,0.12,us,a,",
        "g2-standard-24,,,24,96,0.88,0.36,us,a,",
        ",L4,1,,,0.56,0.22,us,a,",
    )

    assert _prices(imported) == {
        ("g2-standard-4", "us", "on_demand"): 0.71,
        ("g2-standard-4", "us", "spot"): 0.28,
        ("g2-standard-8", "us", "on_demand"): 0.85,
        ("g2-standard-8", "us", "spot"): 0.34,
    }


def test_sum_needs_the_price_of_the_host_at_the_same_tenure(import_text):
    imported = import_text(
        "a3-megagpu-8g,,,208,1872,9.5,,us,a,",
        ",H100-MEGA,8,,,82.75,45.8,us,a,",
    )

    assert _prices(imported) == {("a3-megagpu-8g", "us", "on_demand"): 92.25}
    assert [(r.reason, r.detail) for r in imported.rejected] == [
        ("no_price", "no spot price of its host")
    ]


def test_lines_without_accelerator_are_one_rejection_with_their_number(import_text):
    imported = import_text(
        "cpu-4,,0,4,16,0.2,,us,a,", "cpu-8,,,8,32,0.4,,us,a,", "cpu-9,,,8,32,0.4,,us,a,"
    )

    assert [(r.reason, r.detail.split()[0]) for r in imported.rejected] == [
        ("no_accelerator", "3")
    ]
    assert imported.rejected[0].place.endswith("vms.csv:2")


def test_price_of_700_is_no_price(import_text):
    imported = import_text(
        ",tpu-v6e-8,1,,,700.0,700.0,asia,asia-c,tpu-v6e-8",
        ",tpu-v6e-8,1,,,21.6,700.0,us,us-a,tpu-v6e-8",
    )

    assert _prices(imported) == {("tpu-v6e-8", "us", "on_demand"): 21.6}
    assert imported.rejected_by_reason() == {"no_price": 3}


def test_spot_price_stands_without_an_on_demand_price(import_text):
    imported = import_text("p5e,H100,8,,,,26.5,us,a,", cloud="aws")

    assert _prices(imported) == {("p5e", "us", "spot"): 26.5}
    assert imported.rejected == ()
    assert any("1 nodes have spot only" in note for note in imported.notes)


def test_line_without_any_price_is_rejected(import_text):
    imported = import_text("p5e,H100,8,,,,,us,a,", cloud="aws")

    assert imported.rejected_by_reason() == {"no_price": 1}


def test_zero_spot_price_is_no_price(import_text):
    imported = import_text("x,H100,1,,,2.5,0.00,us,a,", cloud="vast")

    assert _prices(imported) == {("x", "us", "on_demand"): 2.5}


@pytest.mark.parametrize(("name", "chips"), [("tpu-v6e-8", 8), ("tpu-v6e-1", 1)])
def test_tpu_slice_has_the_chips_of_its_name(import_text, name, chips):
    imported = import_text(f",{name},1,,,{2.7 * chips},,us,a,{name}")

    assert [(o.instance, o.accelerator, o.accelerators) for o in imported.rows["offers"]] == [
        (name, "tpu-v6e", chips)
    ]


def test_tpu_generations_named_by_cores_have_half_as_many_chips(tmp_path, world, row):
    known = world(accelerators=[row("accelerators", id="tpu-v5p")])
    path = tmp_path / "vms.csv"
    path.write_text(f"{HEADER}\nTPU-VM,tpu-v5p-8,1,,,16.8,,us,a,tpu-v5p-8\n")

    imported = read(path, Settings(known, AS_OF, {"cloud": "gcp"}))

    assert [(o.instance, o.accelerators) for o in imported.rows["offers"]] == [("tpu-v5p-8", 4)]


@pytest.mark.parametrize(
    "info",
    [
        "{'Gpus': [{'Name': 'H100 PCIe', 'Count': 1, 'MemoryInfo': {'SizeInMiB': 80}}]}",
        '{"Gpus": [{"Name": "H100 PCIe", "MemoryInfo": {"SizeInMiB": 0}}]}',
        "NVIDIA H100 PCIe",
    ],
)
def test_product_name_tells_the_card_from_the_module(import_text, info):
    quoted = info.replace('"', '""')

    imported = import_text(f'1x,H100,1,,,2.4,,US,US-CA-1,"{quoted}"', cloud="runpod")

    assert [o.accelerator for o in imported.rows["offers"]] == ["h100-pcie"]


@pytest.mark.parametrize(
    "info",
    ["{'Gpus': [", "{'Gpus': []}", "{'Gpus': 3}", "{__import__('os').getcwd()}", "{" * 3000, "{}"],
)
def test_product_information_that_is_no_literal_is_ignored(import_text, info):
    imported = import_text(f'1x,H100,1,,,2.4,,US,US-CA-1,"{info}"', cloud="runpod")

    assert [o.accelerator for o in imported.rows["offers"]] == ["h100-sxm"]


def test_instance_name_tells_the_card_from_the_module(import_text):
    imported = import_text(
        "gpu_1x_h100_pcie,H100,1,,,3.29,,us,,", "gpu_1x_h100_nvlink,H100,1,,,3.99,,us,,"
    )

    assert {o.instance: o.accelerator for o in imported.rows["offers"]} == {
        "gpu_1x_h100_pcie": "h100-pcie",
        "gpu_1x_h100_nvlink": "h100-sxm",
    }


def test_card_that_the_catalogue_lacks_is_not_taken_for_the_module(import_text):
    imported = import_text("gpu_1x_h100_nvl,H100,1,,,3.29,,us,,")

    assert imported.rejected_by_reason() == {"unknown_accelerator": 1}


def test_unknown_accelerators_are_one_rejection_per_name_with_a_near_miss(import_text):
    imported = import_text(
        "a,H10O,8,,,55,,us,a,", "b,H10O,8,,,55,,us,b,", "c,Gaudi HL-205,8,,,13,,us,a,"
    )

    assert [(r.value, r.detail.split()[0]) for r in imported.rejected] == [
        ("H10O", "2"),
        ("Gaudi HL-205", "1"),
    ]
    assert "did you mean `H100`" in imported.rejected[0].detail


def test_alias_without_a_row_of_the_accelerator_is_unknown(import_text):
    imported = import_text("a,A100,8,,,22,,us,a,")

    assert imported.rejected_by_reason() == {"unknown_accelerator": 1}


def test_zones_collapse_to_the_lowest_price_of_the_region_with_the_spread(import_text):
    imported = import_text(
        "p5,H100,8,,,55.04,30.5,us-east-1,a,",
        "p5,H100,8,,,55.04,17.25,us-east-1,b,",
        "p5,H100,8,,,55.04,,us-east-1,c,",
        "p5,H100,8,,,60,,eu,a,",
        cloud="aws",
    )

    notes = {(o.region, o.tenure): o.notes for o in imported.rows["offers"]}
    assert _prices(imported)["p5", "us-east-1", "spot"] == 17.25
    assert notes["us-east-1", "spot"] == "lowest of 2 zones, 17.25 to 30.5 USD/h"
    assert notes["eu", "on_demand"] == ""


def test_spot_above_on_demand_is_flagged_on_both_offers(import_text):
    imported = import_text("p5,H100,8,,,33.61,42.71,us,a,", cloud="aws")

    assert [o.notes for o in imported.rows["offers"]] == [
        "doubtful price: spot 42.71 is above on-demand 33.61 USD/h"
    ] * 2


def test_leaked_price_is_flagged_in_other_regions_too(import_text):
    hosts = [f"a3-highgpu-8g,,,208,1872,9,4,{region},{region}-a," for region in ("us", "eu", "jp")]

    imported = import_text(
        *hosts,
        ",H100,8,,,33.6,42.7,us,us-a,",
        ",H100,8,,,33.6,24.1,eu,eu-a,",
        ",H100,8,,,78.4,30.5,jp,jp-a,",
    )

    flagged = {
        (o.region, o.tenure) for o in imported.rows["offers"] if "doubtful price" in o.notes
    }
    assert flagged == {("us", "on_demand"), ("us", "spot"), ("eu", "on_demand")}


def test_spot_equal_to_on_demand_is_not_flagged(import_text):
    imported = import_text("1x,H100,1,,,1.39,1.39,US,a,", cloud="runpod")

    assert {o.notes for o in imported.rows["offers"]} == {""}


@pytest.mark.parametrize("count", ["0.125", "", "many", "2.5", "-1", "nan", "1e9"])
def test_count_that_is_no_whole_number_is_rejected(import_text, count):
    imported = import_text(f"x,H100,{count},,,5,,us,a,")

    assert imported.rejected_by_reason() == {"bad_count": 1}


@pytest.mark.parametrize("price", ["free", "-1", "inf", "nan", "1e999", "3,5"])
def test_price_that_is_no_amount_is_rejected(import_text, price):
    imported = import_text(f'x,H100,1,,,"{price}",,us,a,')

    assert imported.rows["offers"] == ()
    assert imported.rejected_by_reason() == {"bad_price": 1}


@pytest.mark.parametrize("price", ["0.01", "900"])
def test_price_outside_any_market_is_rejected(import_text, price):
    imported = import_text(f"x,H100,1,,,{price},,us,a,")

    assert imported.rejected_by_reason() == {"implausible_price": 1}


def test_region_with_spaces_becomes_a_key(import_text):
    imported = import_text('x,H100,1,,,2,,"Bulgaria, BG, EU",,', cloud="vast")

    assert [o.region for o in imported.rows["offers"]] == ["Bulgaria-BG-EU"]


def test_line_without_region_is_rejected(import_text):
    assert import_text("x,H100,1,,,2,,,,").rejected_by_reason() == {"no_region": 1}


def test_instance_with_two_shapes_is_a_contradiction(import_text):
    imported = import_text("x,H100,1,,,2,,us,,", "x,H100,2,,,4,,eu,,")

    assert _prices(imported) == {("x", "us", "on_demand"): 2}
    assert imported.rejected_by_reason() == {"contradiction": 1}


def test_cut_line_is_rejected_with_its_place_and_the_others_are_kept(import_text):
    imported = import_text("x,H100,1,,,2,,us,,", "y,H100,2,,", "z,H100,1,,,3,,us,,")

    assert len(imported.rows["offers"]) == 2
    assert [(r.place.rsplit(":", 1)[1], r.reason) for r in imported.rejected] == [
        ("3", "broken_line")
    ]


def test_stray_quote_cannot_swallow_lines_unseen(import_text):
    imported = import_text('x,"H100,1,,,2,,us,,', "y,H100,1,,,2,,us,,", '"z",H100,1,,,2,,us,,')

    assert imported.rejected_by_reason()["broken_line"] == 1


def test_rejections_stand_in_source_order(import_text):
    imported = import_text("a,Z9,1,,,2,,us,,", "b,H100,x,,,2,,us,,", "cpu,,,,,2,,us,,")

    assert [r.reason for r in imported.rejected] == [
        "unknown_accelerator",
        "bad_count",
        "no_accelerator",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has not exactly one of InstanceType"),
        (b"InstanceType,Price\na,1\n", "AcceleratorName, AcceleratorCount, Region"),
        (b"Price,Price\n", "Price"),
        (HEADER.encode() + b"\nx,H100,\xff,\n", "is not UTF-8"),
        (HEADER.encode() + b'\nx,"' + b"a" * 200_000, "a quote is not closed"),
    ],
)
def test_file_that_is_no_price_file_is_an_error_with_its_name(tmp_path, catalog, content, message):
    path = tmp_path / "vms.csv"
    path.write_bytes(content)

    with pytest.raises(InputError, match=message) as caught:
        read(path, Settings(catalog, AS_OF, {"cloud": "aws"}))
    assert str(path) in str(caught.value)


def test_bad_byte_is_reported_with_its_line(tmp_path, catalog):
    path = tmp_path / "vms.csv"
    path.write_bytes(HEADER.encode() + b"\nx,H100,1,,,2,,us,,\n\xff\n")

    with pytest.raises(InputError, match="not UTF-8") as caught:
        read(path, Settings(catalog, AS_OF, {"cloud": "aws"}))
    assert caught.value.faults[0].line == 3


def test_missing_file_is_an_error(tmp_path, catalog):
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.csv", Settings(catalog, AS_OF, {"cloud": "aws"}))


def test_byte_order_mark_and_windows_line_ends_are_tolerated(tmp_path, catalog):
    path = tmp_path / "vms.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\r\nx,H100,1,,,2,,us,,\r\n".encode())

    imported = read(path, Settings(catalog, AS_OF, {"cloud": "aws"}))

    assert _prices(imported) == {("x", "us", "on_demand"): 2}


NAMES = ["H100", "L4", "tpu-v6e-8", "Z9", "us", "a", "a3-highgpu-8g", "g2-standard-4"]
NUMBERS = ["", "1", "8", "0.5", "2.5", "700.0", "-3", "1e400"]
ODD = ["{'Gpus': [{'Name': 'H100 PCIe'}]}", "{'a", "é\x00", "\n", '"']
CELLS = st.sampled_from([*NAMES, *NUMBERS, *ODD])
LINES = st.lists(st.lists(CELLS, min_size=10, max_size=10), max_size=12)


def _imported(text, catalog):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vms.csv"
        path.write_bytes(text)
        return read(path, Settings(catalog, AS_OF, {"cloud": "gcp"}))


def _file(lines):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([HEADER.split(","), *lines])
    return out.getvalue()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=LINES, cut=st.integers(0, 400), noise=st.binary(max_size=6))
def test_no_content_makes_the_reader_fail_otherwise_than_with_its_own_error(
    catalog, lines, cut, noise
):
    data = _file(lines).encode()
    damaged = data[: len(data) - cut] + noise

    with contextlib.suppress(InputError):
        imported = _imported(damaged, catalog)
        assert all(o.price_usd_per_hour > 0 for o in imported.rows["offers"])


@settings(max_examples=60, deadline=None)
@given(lines=LINES, order=st.randoms(use_true_random=False))
def test_order_of_lines_does_not_change_the_prices(catalog, lines, order):
    # Distinct instances: two shapes of one instance are a contradiction of the later line.
    named = [[f"i{k}" if line[0] else "", *line[1:]] for k, line in enumerate(lines)]
    shuffled = order.sample(named, len(named))

    assert _prices(_imported(_file(named).encode(), catalog)) == _prices(
        _imported(_file(shuffled).encode(), catalog)
    )


@settings(max_examples=40, deadline=None)
@given(lines=LINES)
def test_reading_twice_gives_the_same_bytes(catalog, lines):
    data = _file(lines).encode()

    first, second = (_imported(data, catalog).rows["offers"] for _ in range(2))

    assert table_text("offers", first) == table_text("offers", second)

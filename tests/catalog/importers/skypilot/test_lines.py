"""Columns and lines, and files that are no price file."""

import pytest

from planner.catalog.importers.record import Settings
from planner.catalog.importers.skypilot import read
from planner.errors import InputError
from tests.catalog.importers.skypilot.price_files import AS_OF, HEADER, prices


def test_columns_are_read_by_name_in_any_order_and_extra_ones_are_counted(import_text):
    header = "Region,Arch,Price,AcceleratorCount,AcceleratorName,InstanceType,UpstreamCloudId"

    imported = import_text("us,x86_64,23.6,8,H100,big,7", header=header, cloud="nebius")

    assert prices(imported) == {("big", "us", "on_demand"): 23.6}
    assert "2 columns not read: Arch, UpstreamCloudId" in imported.notes


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

    assert prices(imported) == {("x", "us", "on_demand"): 2}

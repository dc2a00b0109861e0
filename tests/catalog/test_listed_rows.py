"""Rows as they are listed, pasted into an overlay: computed columns decide nothing there."""

import json

import pytest

from planner.catalog.load import load_catalog
from planner.catalog.query import column_names, rows
from planner.catalog.schema import TABLES
from planner.errors import InputError

HEADER = (
    "provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,"
    "usd_per_accelerator_hour,publisher,valid_from,source,as_of\n"
)
_SOME = 2


def faults_of(overlay):
    with pytest.raises(InputError) as caught:
        load_catalog([overlay])
    return [(f.line, f.column, f.path, f.message) for f in caught.value.faults]


def test_listed_rows_of_every_table_are_an_overlay_that_changes_nothing(shipped, tmp_path):
    listed = {table: rows(shipped, table)[-_SOME:] for table in TABLES}
    path = tmp_path / "listed.yaml"
    path.write_text(json.dumps(listed), encoding="utf-8")

    assert all("publisher" in column_names(table) for table in TABLES)
    assert load_catalog([path]).sha256 == shipped.sha256


def test_listed_columns_may_stand_in_a_csv_file(shipped, tmp_path):
    (first, *_) = rows(shipped, "offers", ["accelerators=8"])
    cells = ["" if first[n] is None else str(first[n]) for n in column_names("offers")]
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    text = ",".join(column_names("offers")) + "\n" + ",".join(quoted) + "\n"
    (tmp_path / "offers.csv").write_text(text, encoding="utf-8")

    assert load_catalog([tmp_path]).sha256 == shipped.sha256


@pytest.mark.parametrize(("stated", "is_good"), [("5", 1), ("5.002", 1), ("4.5", 0), ("five", 0)])
def test_a_price_by_accelerator_has_to_be_that_of_its_row(tmp_path, stated, is_good):
    row = f"aws,box,x,on_demand,h100-sxm-80gb,8,40,{stated},somebody,2026,a page,2026\n"
    (tmp_path / "offers.csv").write_text(HEADER + row, encoding="utf-8")

    if is_good:
        assert load_catalog([tmp_path]).offers[-1].price_usd_per_hour == 40.0
        return
    ((line, column, path, message),) = faults_of(tmp_path)
    assert (line, column, path) == (2, 8, "offers.usd_per_accelerator_hour")
    assert message.startswith(f"`{stated}` is not price_usd_per_hour / accelerators, which is 5;")


def test_a_price_by_accelerator_in_yaml_is_placed_too(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "offers:\n"
        "  - {provider: aws, instance: box, region: x, tenure: on_demand, accelerators: 8,\n"
        "     accelerator: h100-sxm-80gb, price_usd_per_hour: 40, valid_from: 2026,\n"
        "     usd_per_accelerator_hour: 4, publisher: me, source: me, as_of: 2026}\n",
        encoding="utf-8",
    )

    ((line, column, path, _),) = faults_of(path)
    assert (line, column, path) == (4, 6, "offers.usd_per_accelerator_hour")


def test_computed_columns_belong_to_their_own_table_alone(tmp_path):
    (tmp_path / "aliases.csv").write_text(
        "alias,accelerator,usd_per_accelerator_hour,source,as_of\n", encoding="utf-8"
    )

    ((line, column, path, message),) = faults_of(tmp_path)
    assert (line, column, path) == (1, 3, "aliases.usd_per_accelerator_hour")
    assert message.startswith("unknown column `usd_per_accelerator_hour`")

"""Prices of servers by date: which one applies, and what a table may date."""

from __future__ import annotations

import datetime as dt

import pytest

from planner.catalog.load import load_catalog
from planner.catalog.query import show
from planner.catalog.server_prices import server_price_at
from planner.errors import InputError

HEAD = "id,quantity,case,value,valid_from,source,as_of,notes\n"
BOX = "hgx-h100-8x,capex_usd"


def with_rows(tmp_path, *rows):
    (tmp_path / "servers.csv").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return load_catalog([tmp_path])


@pytest.mark.parametrize(
    ("day", "usd"),
    [("2026-12-31", 296_644.0), ("2027-01-01", 250_000.0), ("2028-01-01", 190_000.0)],
)
def test_the_newest_price_that_has_begun_applies_and_the_shipped_one_before(tmp_path, day, usd):
    catalog = with_rows(
        tmp_path,
        f"{BOX},,190000,2027-07-15,quote,2026-12,",
        f"{BOX},,250000,2027,quote,2026-11,",
        f"{BOX},,,2028,quote,2026-11,not sold any more",
    )

    row = server_price_at(catalog, "hgx-h100-8x", dt.date.fromisoformat(day))

    assert row is not None
    assert row.value == usd


def test_a_row_of_an_overlay_replaces_the_price_of_its_own_date_only(tmp_path):
    later = f"{BOX},,190000,2027-07,quote,2026-12,"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with_rows(tmp_path / "a", later)
    with_rows(tmp_path / "b", f"{BOX},,1,2027-07,quote,2026-12,")

    catalog = load_catalog([tmp_path / "a", tmp_path / "b"])

    prices = [
        server_price_at(catalog, "hgx-h100-8x", dt.date(y, 1, 1)).value for y in (2027, 2028)
    ]
    assert prices == [296_644.0, 1.0]
    assert show(catalog, "servers", "hgx-h100-8x:capex_usd:2027-07").values["value"] == 1.0
    assert show(catalog, "servers", "hgx-h100-8x:capex_usd").values["value"] == 296_644.0


def test_a_column_that_says_nothing_leaves_the_checksum(tmp_path):
    same = "hgx-h100-8x,accelerators,h100-sxm-80gb,8,,Epoch hardware prices,2025-03-03,"
    (tmp_path / "plain").mkdir()
    plain = same.replace(",8,,", ",8,")
    (tmp_path / "plain" / "servers.csv").write_text(
        HEAD.replace("valid_from,", "") + plain + "\n", encoding="utf-8"
    )

    assert with_rows(tmp_path, same).sha256 == load_catalog([tmp_path / "plain"]).sha256


def test_all_wrong_dates_are_told_at_once(tmp_path):
    rows = ("x,it_power_w,,1000,2027,quote,2026,", f"{BOX},,1,spring,quote,2026,",
            f"{BOX},,1,2027,quote,2026,", f"{BOX},,2,2027,quote,2026,")  # fmt: skip

    with pytest.raises(InputError) as caught:
        with_rows(tmp_path, *rows)

    found = [(f.line, f.path, f.message) for f in caught.value.faults]
    assert [(line, path) for line, path, _ in found] == [
        (2, "servers.valid_from"), (3, "servers.valid_from"), (5, "servers"),
    ]  # fmt: skip
    assert "only capex_usd has a price by date; leave it blank" in found[0][2]
    assert "write a date as YYYY" in found[1][2]
    assert "repeats the key (hgx-h100-8x, capex_usd, 2027) of line 4" in found[2][2]

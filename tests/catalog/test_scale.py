from __future__ import annotations

import pytest

from planner.catalog.load import load_catalog
from planner.catalog.scale import Selection, scaled
from planner.errors import InputError


@pytest.fixture(scope="module")
def shipped():
    return load_catalog()


def test_only_the_selected_figures_are_scaled(shipped):
    chosen = Selection(
        "offers", ("accelerator=H100-SXM-80GB", "tenure=spot"), "price_usd_per_hour"
    )

    other = scaled(shipped, chosen, 0.5)

    count = 0
    for before, after in zip(shipped.offers, other.offers, strict=True):
        if (before.accelerator, before.tenure) == ("h100-sxm-80gb", "spot"):
            assert after.price_usd_per_hour == before.price_usd_per_hour / 2
            assert after.notes.endswith("price_usd_per_hour times 0.5 in a sweep")
            count += 1
        else:
            assert after == before
    assert count > 3
    assert other.sha256 != shipped.sha256
    assert other.origin("offers", other.offers[0]) == shipped.origin("offers", shipped.offers[0])


def test_the_range_of_a_figure_moves_with_it(shipped):
    other = scaled(
        shipped, Selection("sites", ("quantity=electricity_usd_per_kwh",), "value"), 2.0
    )

    before = shipped.figure("sites", "us-texas", "electricity_usd_per_kwh")
    after = other.figure("sites", "us-texas", "electricity_usd_per_kwh")
    assert (after.value, after.low, after.high) == (
        2 * before.value,
        2 * before.low,
        2 * before.high,
    )


def test_figures_that_are_unknown_stay_unknown(shipped):
    other = scaled(shipped, Selection("servers", (), "value"), 2.0)

    unknown = [row.key for row in shipped.servers if row.value is None]
    assert unknown
    assert unknown == [row.key for row in other.servers if row.value is None]


def test_a_figure_that_a_row_may_not_have_is_told_with_the_row(shipped):
    with pytest.raises(InputError, match=r"p5.4xlarge.*is not a whole number"):
        scaled(shipped, Selection("offers", (), "accelerators"), 0.5)

"""Prices of long prompts."""

from __future__ import annotations

import pytest

from tests.catalog.importers.genai_prices.data import AS_OF, BASE, lengths, provider, since


def tiered(base: float, *tiers: tuple[object, object]) -> dict[str, object]:
    return {"base": base, "tiers": [{"start": start, "price": price} for start, price in tiers]}


def test_price_of_a_tier_holds_for_prompts_that_are_longer_than_its_start(run):
    prices = {"input_mtok": tiered(0.6, (128_000, 1.2)), "output_mtok": tiered(2, (128_000, 3))}

    imported = run(provider(prices=prices))

    assert lengths(imported) == [(0, 0.6, None, 2.0), (128_001, 1.2, None, 3.0)]
    assert imported.rejected == ()


def test_figure_without_tiers_carries_over(run):
    tiers = tiered(0.6, (128_000, 1.2), (256_000, 2.4))

    imported = run(provider(prices=BASE | {"input_mtok": tiers}))

    assert lengths(imported) == [
        (0, 0.6, 0.3, 2.0),
        (128_001, 1.2, 0.3, 2.0),
        (256_001, 2.4, 0.3, 2.0),
    ]


def test_figures_with_tiers_of_their_own_hold_the_highest_that_is_reached(run):
    prices = {
        "input_mtok": tiered(0.6, (256_000, 2.4), (128_000, 1.2)),
        "output_mtok": tiered(2, (200_000, 4)),
    }

    imported = run(provider(prices=prices))

    assert lengths(imported) == [
        (0, 0.6, None, 2.0),
        (128_001, 1.2, None, 2.0),
        (200_001, 1.2, None, 4.0),
        (256_001, 2.4, None, 4.0),
    ]


def test_tiers_of_a_figure_without_a_column_make_no_row(run):
    imported = run(provider(prices=BASE | {"cache_write_mtok": tiered(1, (128_000, 2))}))

    assert lengths(imported) == [(0, 0.6, 0.3, 2.0)]
    assert any("1 cache_write_mtok" in note for note in imported.notes)


def test_tiers_hold_on_the_days_of_their_price(run):
    prices = BASE | {"input_mtok": tiered(0.6, (128_000, 1.2))}

    imported = run(provider(prices=[{"prices": prices}, since("2026-09-01", BASE)]))

    days = [(r.prompt_from_tokens, r.valid_from, r.valid_to) for r in imported.rows["api_offers"]]
    assert days == [
        (0, AS_OF, "2026-09-01"),
        (128_001, AS_OF, "2026-09-01"),
        (0, "2026-09-01", None),
    ]


@pytest.mark.parametrize("start", [None, -1, 0.5, "128000", True, 10**9, 10**400, [1]])
def test_start_that_is_no_length_of_a_prompt_is_rejected(run, start):
    imported = run(provider(prices=BASE | {"input_mtok": tiered(0.6, (start, 1.2))}))

    assert lengths(imported) == [(0, 0.6, 0.3, 2.0)]
    assert imported.rejected_by_reason() == {"tier": 1}
    assert imported.rejected[0].place == "huggingface_acme:Qwen/Qwen3-32B:input_mtok"


@pytest.mark.parametrize(
    ("price", "reason"), [(0, "zero_price"), ("1.2", "no_price"), (1e9, "impossible_price")]
)
def test_price_of_a_tier_is_judged_like_any_other(run, price, reason):
    imported = run(provider(prices=BASE | {"input_mtok": tiered(0.6, (128_000, price))}))

    assert lengths(imported) == [(0, 0.6, 0.3, 2.0)]
    assert imported.rejected_by_reason() == {reason: 1}


def test_tiers_need_a_usable_price_of_short_prompts(run):
    imported = run(provider(prices=BASE | {"input_mtok": tiered(0, (128_000, 1.2))}))

    assert imported.rows["api_offers"] == ()
    assert imported.rejected_by_reason() == {"zero_price": 1, "tier": 1}

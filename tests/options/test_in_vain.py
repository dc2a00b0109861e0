"""Discounts and rate limits that change no plan are told, with the reason."""

from __future__ import annotations

import pytest

from planner.demand.build import build_demand
from planner.options.build import build_options
from tests.options.world import catalog, loaded, problem, row, workload

ONE = "discounts.csv:2 cloud:2026"
SLO = {"metric": "ttft_ms", "percentile": 99, "limit": 2000}


def in_vain(supply, *, asked=None, candidates=None, months=3, **tables):
    """Return what is told of a problem over two periods."""
    whole = loaded(
        problem(
            asked or workload(),
            horizon={"start": "2027-01", "periods": 2, "months_per_period": months},
            candidates={"quantizations": ["bf16"]} | (candidates or {}),
            supply=supply,
        )
    )
    facts = catalog(**tables)
    return build_options(whole, facts, build_demand(whole, facts)).without_effect


def discounts(*changes):
    return [row("discounts", **change) for change in changes]


@pytest.mark.parametrize(
    ("supply", "change"),
    [
        ({"tenures": ["on_demand"]}, {}),
        ({"tenures": ["on_demand"]}, {"item": "one", "region": "north", "tenure": "on_demand"}),
        ({"tenures": ["on_demand", "api"]}, {"provider": "tokens", "tenure": "api"}),
    ],
)
def test_a_discount_that_something_on_offer_takes_is_not_told(supply, change):
    assert in_vain(supply, discounts=discounts(change)) == ()


def test_a_discount_that_begins_with_a_later_period_is_not_told():
    later, never = {"valid_from": "2027-04"}, {"valid_from": "2027-05"}

    assert in_vain({"tenures": ["on_demand"]}, discounts=discounts(later)) == ()
    (note,) = in_vain({"tenures": ["on_demand"]}, discounts=discounts(never))
    assert note.endswith("no price of 2027-01-01 takes it: it starts on 2027-05-01")


def test_a_discount_of_a_provider_that_is_kept_out_is_told_with_why():
    other = row("offers", provider="other", instance="two")
    supply = {"tenures": ["on_demand"], "providers": ["other"]}

    (note,) = in_vain(supply, offers=[row("offers"), other], discounts=discounts({}))

    assert note == (
        f"{ONE}: it changes no plan: cloud:one:north:on_demand is left out (provider cloud is not "
        "among supply.providers)"
    )


def test_a_discount_of_another_tenure_is_told_with_why():
    spot = row("offers", tenure="spot")
    stated = discounts({"tenure": "spot"})

    (note,) = in_vain({"tenures": ["on_demand"]}, offers=[row("offers"), spot], discounts=stated)

    assert "(tenure spot is not among supply.tenures)" in note


def test_a_discount_of_hardware_that_no_candidate_runs_on_is_told():
    idle = row("offers", instance="two", accelerator="gpu-b", accelerators=3)
    stated = discounts({"item": "two"})

    (note,) = in_vain({"tenures": ["on_demand"]}, offers=[row("offers"), idle], discounts=stated)

    assert note.endswith("it changes no plan: what it is for serves no candidate")


def test_a_discount_behind_a_more_specific_one_of_what_is_on_offer_is_told():
    spot = row("offers", tenure="spot")  # takes the general one, and is not on offer
    stated = discounts({}, {"tenure": "on_demand", "discount_fraction": 0.2})

    (note,) = in_vain({"tenures": ["on_demand"]}, offers=[row("offers"), spot], discounts=stated)

    assert note == (
        f"{ONE}: it changes no plan: a more specific one goes before for cloud:one:north:on_demand"
    )


def test_a_discount_of_tokens_that_are_not_asked_for_is_told():
    stated = discounts({"provider": "tokens", "tenure": "api"})

    (note,) = in_vain({"tenures": ["on_demand"]}, discounts=stated)

    assert note.endswith("it changes no plan: api is not among supply.tenures")


LIMIT = {"provider": "tokens", "requests_per_minute": 10}
TOKENS = {"tenures": ["on_demand", "api"]}


def test_a_rate_limit_of_tokens_on_offer_is_not_told():
    limits = [LIMIT, LIMIT | {"model": "model-a"}]

    assert in_vain(TOKENS | {"api_limits": limits}) == ()
    # Where no tokens are asked for at all there is one note for all of it.
    assert in_vain({"tenures": ["on_demand"], "api_limits": limits}) == ()


@pytest.mark.parametrize(
    ("limit", "changes", "why"),
    [
        ({}, {"supply": {"providers": ["cloud"]}}, "provider tokens is not among"),
        ({}, {"asked": workload(slo=[SLO])}, "supply.api_latency: assume_met"),
        ({}, {"asked": workload(residency=["north"])}, "an API has no stated region"),
        ({"mode": "batch"}, {}, "nobody sells them"),
        ({"model": "model-b"}, {"candidates": {"models": ["model-a"]}}, "see candidates.models"),
    ],
)
def test_a_rate_limit_of_tokens_that_are_kept_out_is_told_with_why(limit, changes, why):
    more = dict(changes)
    supply = TOKENS | {"api_limits": [LIMIT | limit]} | more.pop("supply", {})
    sold = [row("api_offers"), row("api_offers", model="model-b", model_ref="b/model-b")]

    (note,) = in_vain(supply, api_offers=sold, **more)

    assert note.startswith("supply.api_limits.0 (")
    assert " changes no plan: " in note
    assert why in note


QUOTA = {"hardware": "gpu-a", "max_accelerators": 8}


@pytest.mark.parametrize("place", [{}, {"provider": "cloud"}, {"region": "north"}])
def test_a_quota_on_nodes_that_an_option_runs_on_is_not_told(place):
    assert in_vain({"tenures": ["on_demand"], "quotas": [QUOTA | place]}) == ()


@pytest.mark.parametrize(
    ("quota", "changes", "note"),
    [
        (
            {"hardware": "gpu-b"},
            {"candidates": {"hardware": ["gpu-a"]}},
            "8 accelerators of gpu-b) changes no plan: gpu-b is no candidate; see "
            "candidates.hardware",
        ),
        (
            {"hardware": "gpu-b"},
            {},
            "8 accelerators of gpu-b) changes no plan: nothing that is asked for runs on gpu-b; "
            "see planner options",
        ),
        (
            {"provider": "late", "max_accelerators": 1},
            {},
            "1 accelerator of gpu-a (late)) changes no plan: late:one:north:spot is left out "
            "(tenure spot is not among supply.tenures)",
        ),
        (
            {"region": "south"},
            {},
            "8 accelerators of gpu-a (south)) changes no plan: no such nodes are on offer",
        ),
    ],
)
def test_a_quota_that_nothing_counts_against_is_told_with_why(quota, changes, note):
    offers = [
        row("offers"),
        row("offers", provider="late", tenure="spot"),
        row("offers", instance="two", accelerator="gpu-b", accelerators=1),
    ]
    kinds = [row("accelerators"), row("accelerators", id="gpu-b", memory_mib=1_000)]

    found = in_vain(
        {"tenures": ["on_demand"], "quotas": [QUOTA | quota]},
        offers=offers,
        accelerators=kinds,
        **changes,
    )

    assert found == (f"supply.quotas.0 ({note}",)

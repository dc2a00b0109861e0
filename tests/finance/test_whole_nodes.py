"""The cheapest whole nodes and who needs them, by enumeration: in the plan and in its audit."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.finance.tenants import Rented, Tenants
from planner.finance.whole_nodes import Kind, cheapest_nodes
from planner.verify.audit.listed import Listed
from planner.verify.audit.places import _placed
from planner.verify.audit.rent import whole_nodes
from tests.finance.test_instead import plan_of
from tests.finance.world import MEASURED, solved
from tests.options.world import catalog, problem, row, workload

KINDS = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, 4, 8]),
        st.integers(1, 20),
        st.one_of(st.none(), st.integers(0, 3)),
    ),
    max_size=4,
)


def listed(name, accelerators):
    return Listed(name, "p", "r", name, "on_demand", "h", accelerators, {}, 0.0)


@settings(max_examples=50, deadline=None)
@given(needed=st.integers(0, 11), kinds=KINDS)
def test_plan_and_audit_find_the_cheapest_whole_nodes_of_any_shapes(needed, kinds):
    ranges = [
        range(min(-(-needed // size), math.inf if most is None else most) + 1)
        for size, _, most in kinds
    ]
    enough = [
        sum(n * usd for n, (_, usd, _) in zip(counts, kinds, strict=True))
        for counts in itertools.product(*ranges)
        if sum(n * size for n, (size, _, _) in zip(counts, kinds, strict=True)) >= needed
    ]
    offers = [listed(str(k), size) for k, (size, _, _) in enumerate(kinds)]

    planned = cheapest_nodes(needed, [Kind(*kind) for kind in kinds])
    audited = whole_nodes(
        needed,
        {offer: usd for offer, (_, usd, _) in zip(offers, kinds, strict=True)},
        {o: most for o, (_, _, most) in zip(offers, kinds, strict=True) if most is not None},
    )

    assert (planned is None) == (audited is None) == (not enough)
    if planned is None or audited is None:
        return
    assert sum(n * usd for n, (_, usd, _) in zip(planned, kinds, strict=True)) == min(enough)
    assert sum(n * kinds[int(o.offer_id)][1] for o, n in audited.items()) == min(enough)
    for counts in (planned, [audited.get(o, 0) for o in offers]):
        assert sum(n * size for n, (size, _, _) in zip(counts, kinds, strict=True)) >= needed
        assert all(
            most is None or n <= most for n, (_, _, most) in zip(counts, kinds, strict=True)
        )


OFFERS = "abcd"
HOMES = st.dictionaries(
    st.frozensets(st.sampled_from(OFFERS), min_size=1).map(lambda home: home | {"x"} & home),
    st.integers(1, 6),
    max_size=4,
)
ROOMS = st.dictionaries(st.sampled_from(OFFERS), st.integers(0, 6))


@settings(max_examples=50, deadline=None)
@given(held=HOMES, room=ROOMS)
def test_what_has_no_place_is_the_worst_excess_of_any_groups(held, room):
    """By the theorem of Hall: some groups want more than there is on all nodes they may use."""
    subsets = [s for k in range(len(held) + 1) for s in itertools.combinations(held, k)]
    excess = max(
        sum(held[home] for home in some)
        - sum(room.get(name, 0) for name in frozenset().union(*some))
        for some in subsets
    )
    place = ("h", 0, 0)
    gone = Tenants({place: held}, {place: room | {"x": 3}}, {})

    assert sum(held.values()) - _placed(list(held.items()), room) == excess
    # nothing may stand on x, so without it as much has no place as before
    assert sum(n for _, n in gone.without(place, "x", 3, {})) == excess


def test_who_may_rent_cheaply_moves_for_those_who_may_not():
    """Both stand on a; only the second may use b, which is free, and rent at 1 instead of 9."""
    place = ("h", 0, 0)
    near, far = frozenset({"a", "near"}), frozenset({"a", "b", "near", "far"})
    tenants = Tenants({place: {near: 4, far: 4}}, {place: {"a": 8, "b": 3}}, {})

    def needed(count):
        return tenants.without(place, "a", count, {"near": 9.0, "far": 1.0})

    assert needed(3) == []
    assert needed(4) == [Rented(far, 1)]
    assert needed(6) == [Rented(near, 2), Rented(far, 1)]


def nodes_of(accelerators, usd, *, region="north", instance=None, **more):
    return row(
        "offers", instance=instance or f"x{accelerators}", accelerators=accelerators,
        price_usd_per_hour=usd, region=region, elastic_max_nodes=1000, startup_minutes=0, **more,
    )  # fmt: skip


def reserved(usd, accelerators=1, **more):
    more = {"tenure": "reserved_1y", "commits": "capacity", "term_months": 12} | more
    return nodes_of(accelerators, usd, **more)


def year(*workloads, supply=None, degrees=(1,), **more):
    return problem(
        *workloads,
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 12},
        time_blocks=1,
        performance="table.csv",
        candidates={"quantizations": ["bf16"], "tensor_parallel": list(degrees)},
        supply={"tenures": ["on_demand", "reserved_1y"]} | (supply or {}),
        policy={"spare_replicas": 0, "max_utilization": 1.0},
        finance={"discount_rate_per_year": 0.0},
        **more,
    )


def flat(rate_rps, **more):
    return workload(arrival={"mean_rate_rps": rate_rps, "peak_factor_in_hour": 1.0}, **more)


def known_of(*offers):
    return catalog(offers=list(offers), api_offers=[])


def test_the_last_node_is_held_against_the_shape_that_suits_it():
    """Three nodes of one at 4.5; on demand one is 7 and two are 10: 17 for three, 7 for one."""
    known = known_of(nodes_of(1, 7.0), nodes_of(2, 10.0), reserved(4.5))

    (figures,) = plan_of(year(flat(14.0)), known).commitment_figures

    assert figures.alternative_offer_id == (
        "cloud:x1:north:on_demand + cloud:x2:north:on_demand"
    )  # fmt: skip
    assert figures.alternative_usd_per_accelerator_hour == pytest.approx(17 / 3)
    assert figures.alternative_price_fall == pytest.approx(1 - 13.5 / 17)
    assert figures.break_even_used_share == pytest.approx(13.5 / 17)
    assert figures.last_node_price_fall == pytest.approx(1 - 4.5 / 7)


EU = [nodes_of(1, 10.0, region="eu"), nodes_of(1, 6.0, region="us"), reserved(6.5, region="eu")]


@pytest.mark.parametrize(
    ("residency", "quotas"),
    [(["eu"], []), ("any", [{"hardware": "gpu-a", "region": "us", "max_accelerators": 1}])],
)
def test_only_nodes_that_the_work_may_use_and_a_quota_leaves_are_rented(residency, quotas):
    """Nine nodes in the EU at 6.5, there 10 on demand; in the US at 6, where no more may be."""
    asked = year(
        flat(45.0, residency=residency), flat(5.0, name="talk"), supply={"quotas": quotas}
    )
    table = [MEASURED, MEASURED | {"workload": "talk"}]
    plan = solved(asked, known_of(*EU), table, compare=False)

    (figures,) = plan.commitment_figures
    assert [c.nodes for c in plan.commitments] == [9]
    assert figures.alternative_offer_id == "cloud:x1:eu:on_demand"
    assert figures.alternative_price_fall == pytest.approx(0.35)
    assert figures.last_node_price_fall == pytest.approx(0.35)
    assert figures.break_even_used_share == pytest.approx(0.65)


def test_the_last_node_may_be_rented_where_not_all_of_them_can():
    """Four reserved nodes; a quota leaves two on demand in the south and none is in the north."""
    quotas = [{"hardware": "gpu-a", "region": "south", "max_accelerators": 2}]
    known = known_of(nodes_of(1, 5.0, region="south"), reserved(4.0))

    plan = plan_of(year(flat(20.0), supply={"quotas": quotas}), known)

    (figures,) = plan.commitment_figures
    shown = (figures.alternative_offer_id, figures.alternative_price_fall)
    assert shown == (None, None)
    assert figures.last_node_price_fall == pytest.approx(0.2)
    assert figures.needed_share == pytest.approx(1.0)


def test_a_quota_that_counts_offers_together_is_noted():
    quotas = [{"hardware": "gpu-a", "max_accelerators": 9}]
    known = known_of(nodes_of(1, 7.0), nodes_of(2, 10.0), reserved(4.5))

    plan = plan_of(year(flat(14.0), supply={"quotas": quotas}), known)
    without = plan_of(year(flat(14.0)), known)

    (note,) = [n for n in plan.warnings if "not for all of them together" in n]
    assert "cloud:x1:north:on_demand, cloud:x2:north:on_demand alone" in note
    assert not [n for n in without.warnings if "not for all of them together" in n]


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    shapes=st.lists(st.tuples(st.sampled_from([1, 2, 4, 8]), st.integers(30, 99)), min_size=1,
                    max_size=3, unique_by=lambda shape: shape[0]),
    abroad=st.lists(st.tuples(st.sampled_from([1, 2, 4]), st.integers(20, 99)), max_size=2,
                    unique_by=lambda shape: shape[0]),
    term=st.tuples(st.sampled_from([1, 2, 4]), st.integers(10, 40)),
    rates=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    most=st.one_of(st.none(), st.integers(0, 6)),
    fte=st.sampled_from([0.0, 0.2]),
    degrees=st.sampled_from([(1,), (1, 2)]),
)  # fmt: skip
def test_plan_and_audit_agree_on_any_shapes_and_prices(
    shapes, abroad, term, rates, most, fte, degrees
):
    """One workload may stand in the north only; prices in tenths of USD of an accelerator."""
    offers = [nodes_of(n, n * usd / 10) for n, usd in shapes]
    offers += [nodes_of(n, n * usd / 10, region="south") for n, usd in abroad]
    offers += [reserved(term[0] * term[1] / 10, term[0])]
    quotas = [] if most is None else [
        {"hardware": "gpu-a", "region": "south", "max_accelerators": most}]  # fmt: skip
    staff = {"usd_per_fte_year": 8_760.0, "rented": {"fte": 0.0, "fte_per_node": fte}}
    asked = year(
        flat(5.0 * rates[0], residency=["north"]),
        flat(5.0 * rates[1], name="talk"),
        supply={"quotas": quotas, "staff": staff},
        degrees=degrees,
    )
    table = [MEASURED, MEASURED | {"workload": "talk"}]

    plan = solved(asked, known_of(*offers), table, compare=False)

    assert plan.status == "optimal"  # a plan that its audit refuses is not shown
    for figures in plan.commitment_figures:
        if figures.alternative_price_fall is not None:
            # the plan is the cheapest way, so it is no dearer to keep what it has taken on
            assert figures.alternative_price_fall >= -1e-9

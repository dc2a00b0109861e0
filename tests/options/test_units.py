"""Units of prefill and decode instances as options: which exist, what they carry, and why not."""

from __future__ import annotations

import re

import pytest

from planner.demand.grid import time_grid
from planner.options.build import build_options
from planner.options.candidates import buildable
from planner.options.layout import UnitLayout
from planner.options.nodes import rentable_nodes
from planner.options.units import layouts, units_of
from tests.options.world import catalog, demand, lengths, loaded, problem, row, workload

NODE_OF_FOUR = [row("offers", accelerators=4, price_usd_per_hour=8)]
TIGHT = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 2000},
    {"metric": "itl_ms", "percentile": 99, "limit": 20},
]
BF16 = {"quantizations": ["bf16"]}


def built(*workloads, tables=None, lengths_of=None, **candidates):
    facts = catalog(**({"offers": NODE_OF_FOUR} | (tables or {})))
    candidates = {"disaggregation": "on"} | BF16 | candidates
    asked = problem(*(workloads or (workload(slo=TIGHT),)), candidates=candidates)
    return build_options(loaded(asked), facts, demand(asked, **(lengths_of or {})))


def ids(options):
    return {o.id.rpartition("/")[2] for o in options}


def rejections(found, reason):
    return [r for r in found.rejections if r.reason == reason]


def capacity(found, name, workload_name="chat"):
    (own,) = (
        c
        for c in found.capacities
        if c.option_id.endswith(f"/{name}") and c.workload == workload_name
    )
    return own


def test_every_split_of_every_size_is_enumerated():
    found = [layout.text for layout in layouts([1, 2], [4])]

    assert found == [
        "1p-tp1+1d-tp1",
        "1p-tp1+3d-tp1",
        "2p-tp1+2d-tp1",
        "2p-tp1+1d-tp2",
        "1p-tp2+2d-tp1",
        "1p-tp2+1d-tp2",
        "3p-tp1+1d-tp1",
    ]


@pytest.mark.parametrize("shapes", [[8], [6], [12, 2], [16, 8]])
def test_sizes_divide_a_node_and_are_powers_of_two(shapes):
    sizes = {layout.accelerators for layout in layouts([1, 2, 4, 8], shapes)}

    assert all(any(shape % size == 0 for shape in shapes) for size in sizes)
    assert sizes <= {2, 4, 8, 16}
    assert len(set(layouts([1, 2, 4, 8], shapes))) == len(layouts([1, 2, 4, 8], shapes))


def test_single_accelerators_hold_no_unit():
    assert layouts([1, 2], [1]) == []


def test_layout_counts_its_accelerators():
    layout = UnitLayout(2, 1, 1, 4)

    assert layout.accelerators == 6
    assert layout.text == "2p-tp1+1d-tp4"


def test_by_default_nothing_runs_apart():
    plain = built(disaggregation="off")

    assert all(o.layout is None for o in (*plain.options, *plain.dominated))
    assert plain.considered == 4


def test_units_join_the_replicas_and_change_none_of_them():
    plain, found = built(disaggregation="off"), built()

    assert found.considered == 4 + len(layouts([1, 2, 4], [4]))
    own = {c.option_id: c for c in found.capacities}
    assert all(own[c.option_id] == c for c in plain.capacities)


def test_a_unit_describes_its_instances():
    found = built(tensor_parallel=[1, 2])

    (option,) = (o for o in (*found.options, *found.dominated) if o.id.endswith("2p-tp1+1d-tp2"))
    assert option.id == "model-a/bf16/vllm/gpu-a/2p-tp1+1d-tp2"
    assert option.layout == UnitLayout(2, 1, 1, 2)
    assert option.accelerators == 4
    assert option.tensor_parallel == 2
    # Two whole copies of about 16 GB of weights and one that is split.
    assert option.weight_bytes == pytest.approx(3 * 16.06e9, rel=0.01)


def test_tight_gaps_between_tokens_are_kept_by_units_only():
    found = built()

    together = [c for c in found.capacities if "/tp" in c.option_id]
    apart = [c for c in found.capacities if "d-tp" in c.option_id]
    best = max(c.points[-1].planned_rps for c in together) if together else 0.0
    each = max(c.points[-1].planned_rps / 4 for c in apart)
    assert each > 2 * best / 4
    assert any(o.layout for o in found.options)


def test_settings_are_those_of_the_prefill_instances():
    engine = row("engines", chunk_tokens_choices="512 2048 8192")

    found = built(tables={"engines": [engine]})

    assert {c.setting.chunk_tokens for c in found.capacities if "d-tp" in c.option_id} == {8192}


def test_surpassed_layouts_are_told_with_the_better_one():
    found = built()

    dropped = rejections(found, "layout")
    kept = ids((*found.options, *found.dominated))
    assert dropped
    for item in dropped:
        assert item.subject.rpartition("/")[2] not in kept
        assert "carries at least as much on the same accelerators" in item.detail
        assert item.detail.split()[2].rpartition("/")[2] in kept | ids_of(dropped)


def ids_of(items):
    return {r.subject.rpartition("/")[2] for r in items}


def test_every_unit_is_accounted_for_once():
    found = built()

    names = ids((*found.options, *found.dominated)) | ids_of(found.rejections)
    units = {layout.text for layout in layouts([1, 2, 4], [4])}
    assert units <= names


def test_memory_names_the_side_that_is_short():
    small = row("accelerators", memory_mib=24_000)

    found = built(tables={"accelerators": [small]}, lengths_of={"chat": lengths((50_000.0,))})

    texts = {r.subject.rpartition("/")[2]: r.detail for r in rejections(found, "memory")}
    assert texts["1p-tp1+1d-tp1"].startswith("prefill instance: weights 16.1 GB")
    assert "one request of 50000 tokens" in texts["1p-tp1+1d-tp1"]
    assert texts["1p-tp2+2d-tp1"].startswith("decode instance: weights 16.1 GB")
    assert "one request of 50100 tokens" in texts["1p-tp2+2d-tp1"]
    assert "1p-tp2+1d-tp2" not in texts


def test_an_engine_that_is_not_known_to_do_it_is_rejected_with_the_cell_to_fill():
    found = built(tables={"engines": [row("engines", first_token=None)]})

    (only,) = rejections(found, "no_disaggregation")
    assert only.subject == "model-a/bf16/vllm/gpu-a/disaggregated"
    assert only.count == len(layouts([1, 2, 4], [4]))
    assert "first_token of the row (id=vllm) in engines.csv" in only.detail


@pytest.mark.parametrize("link", [{"link": "pcie"}, {"link_gb_per_s": None}, {"link": "none"}])
def test_caches_do_not_cross_an_unknown_link(link):
    found = built(tables={"accelerators": [row("accelerators", **link)]}, tensor_parallel=[1])

    (only,) = rejections(found, "no_interconnect")
    assert "link and link_gb_per_s of the row (id=gpu-a)" in only.detail
    assert not any(o.layout for o in found.options)


def test_nodes_of_one_accelerator_hold_no_unit():
    found = built(tables={"offers": [row("offers")]})

    (only,) = (r for r in rejections(found, "no_node") if r.subject.endswith("/disaggregated"))
    assert "(1 accelerators) holds a prefill and a decode instance" in only.detail


def test_a_limit_that_the_handover_alone_exceeds_is_told():
    limit = [{"metric": "ttft_ms", "percentile": 99, "limit": 100}]

    found = built(workload(slo=limit), tensor_parallel=[1])

    missed = {r.subject: r for r in rejections(found, "ttft_ms")}
    item = missed["model-a/bf16/vllm/gpu-a/1p-tp1+1d-tp1"]
    assert "without any load" in item.detail
    assert item.shortfall > 1


def test_a_pool_probes_every_class_on_its_units():
    limit = {"metric": "itl_ms", "percentile": 99, "limit": 12}
    strict = workload("code", pool="all", slo=[limit])
    loose = workload("chat", pool="all")

    shared, alone = built(loose, strict), built(loose)

    name = "1p-tp1+1d-tp1"
    assert capacity(shared, name).points[-1].limit == "itl p99 of code"
    both = (capacity(found, name).points[-1].planned_rps for found in (shared, alone))
    assert next(both) < next(both)


def test_a_class_that_no_unit_can_serve_is_told_and_not_probed():
    hopeless = [{"metric": "tpot_ms", "percentile": "mean", "limit": 0.1}]
    picky = workload("code", pool="all", slo=hopeless)

    found = built(workload("chat", pool="all"), picky, tensor_parallel=[1])

    assert {r.workload for r in rejections(found, "tpot_ms")} == {"code"}
    assert capacity(found, "1p-tp1+1d-tp1").points[-1].limit != "tpot mean of code"


def test_prefixes_save_work_but_not_the_handover():
    cached = workload(slo=TIGHT, prefix_cache={"hit_rate": 0.8})

    plain, saved = built(), built(cached)

    name = "1p-tp1+1d-tp1"
    rates = [capacity(found, name).points[-1].planned_rps for found in (plain, saved)]
    assert rates[1] > 1.1 * rates[0]
    assert capacity(saved, name).setting.prefix_hit_rate == 0.8


def test_units_come_from_replicas_that_can_be_built():
    facts = catalog(offers=NODE_OF_FOUR)
    asked = problem(candidates={"tensor_parallel": [2]} | BF16)
    nodes, _ = rentable_nodes(asked, facts, time_grid(asked))
    candidates, _, _ = buildable(asked.candidates, facts, nodes)

    units, rejected, considered = units_of(candidates, nodes)

    assert [u.layout.text for u in units] == ["1p-tp2+1d-tp2"]
    assert (rejected, considered) == ([], 1)


DRAFT = {"id": "head-3", "model": "model-a", "method": "eagle", "draft_tokens": 3, "layers": 1,
         "text": "chat", "tokens_per_step": 2.5, "engines": "vllm"}  # fmt: skip


def test_units_are_made_of_replicas_that_draft_nothing():
    drafts = {"drafts": [row("drafts", **DRAFT)]}

    units, both = built(), built(tables=drafts, speculative_decoding="on")

    drafted = {o.id for o in (*both.options, *both.dominated) if o.draft}
    assert drafted
    assert all(re.fullmatch(r".*/tp[124]/head-3", name) for name in drafted)
    own = {c.option_id: c for c in both.capacities}
    assert all(own[c.option_id] == c for c in units.capacities)
    assert set(own) == {c.option_id for c in units.capacities} | drafted


def test_power_is_that_of_single_replicas_only():
    rated = {"accelerators": [row("accelerators", tdp_w=700)]}
    drafts = {"drafts": [row("drafts", **DRAFT)]}
    found = built(tables=rated | drafts, speculative_decoding="on")

    powered = {c.option_id for c in found.capacities if c.power is not None}

    every = (*found.options, *found.dominated)
    assert powered == {o.id for o in every if o.layout is None and not o.draft}

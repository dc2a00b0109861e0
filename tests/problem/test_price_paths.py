"""Price paths that contradict themselves or name nothing: all faults at once, each in place."""

from __future__ import annotations

import re

import pytest

from planner.catalog.load import load_catalog
from planner.errors import InputError
from planner.preparation import check_problem
from planner.problem.load import load_problem
from planner.problem.references import reference_faults, resolve_hardware

WRONG = """\
supply:
  price_paths:
    - {name: a, change_per_year: -0.1}
    - {name: b, hardware: h100-sxm-80gb}
    - {name: c, hardware: h100-sxm-80gb, change_per_year: 0, steps: [{since: 2027-04, factor: 1}]}
    - {name: b, model: gpt-4.1, change_per_year: -0.1}
    - {name: e, hardware: h100-sxm-80bg, provider: asw, change_per_year: -0.1}
    - {name: f, server: dgx-b20, steps: [{since: 2027-07, factor: 1}, {since: 2027-04, factor: 2}]}
    - {name: g, hardware: mi300x-192gb, provider: aws, change_per_year: -0.1}
    - {name: h, offer: "runpod:secure-mi300x-192gb:any:ondemand", change_per_year: -2}
    - {name: i, tenure: rented, steps: []}
    - {name: j, region: us-east-1, steps: [{since: spring, factor: 0}]}
"""
EXPECTED = [
    ("16:7", "names nothing whose price moves; give one of offer, server, instance, model"),
    ("17:7", "has no way to move; give either `change_per_year` or `steps`"),
    ("18:7", "has both ways to move; give either `change_per_year` or `steps`"),
    ("18:7", r"is for the same as the item at .*:17:7; take one of the two out"),
    ("19:8", r"`b` names the item at .*:17:7 too; rename one of the two"),
    ("20:17", "no hardware `h100-sxm-80bg` has a price; did you mean `h100-sxm-80gb`"),
    ("20:42", "no provider `asw` has a price; did you mean `aws`"),
    ("21:17", "no server `dgx-b20` has a price; did you mean `dgx-b200-8x`"),
    ("21:72", "2027-04 is not after the step before, 2027-07; give steps in order of time"),
    ("22:7", r"nothing with a price is of hardware `mi300x-192gb` and provider `aws`; without "
             r"`hardware` it is for \d+ offers \(aws:.*\); without `provider` it is for"),
    ("23:17", "no offer `runpod:.*:ondemand` has a price; did you mean `runpod:.*:on_demand`"),
    ("23:67", "`-2` is out of range; it must be above -1"),
    ("24:17", "`rented` is not accepted; use `on_demand`, .* or `api`"),
    ("24:33", "is empty; give at least one"),
    ("25:45", "`spring` is not a month"),
    ("25:60", "`0` is out of range; it must be above 0"),
]  # fmt: skip


def test_all_faults_of_price_paths_come_at_once_with_place_and_way_out(problem_file):
    path = problem_file(("policy:", f"{WRONG}policy:"))

    with pytest.raises(InputError) as caught:
        check_problem(path)

    found = [(f"{f.line}:{f.column}", f.message) for f in caught.value.faults]

    for place, text in EXPECTED:
        assert any(p == place and re.search(text, m) for p, m in found), (place, text, found)
    assert len(found) == len(EXPECTED)


def test_names_of_a_path_may_be_those_of_a_driver_or_of_the_problem(problem_file):
    own = (
        "supply:\n  provisioned: [{name: mine, provider: azure, model: llama-3.1-8b-instruct, "
        "usd_per_unit_hour: 1, tokens_per_minute_per_unit: 1}]\n  price_paths:\n"
        "    - {name: a, hardware: NVIDIA H100 80GB HBM3, change_per_year: -0.1}\n"
        "    - {name: b, provider: azure, change_per_year: -0.1}\n"
        "    - {name: c, offer: 'provisioned:mine', change_per_year: -0.1}\n"
    )
    read = load_problem(problem_file(("policy:", f"{own}policy:")))
    catalog = load_catalog([])

    assert reference_faults(read, catalog) == []
    assert resolve_hardware(read, catalog).problem.supply.price_paths[0].hardware == (
        "h100-sxm-80gb"
    )


def test_a_scenario_changes_one_path_by_its_name(problem_file):
    base = "supply: {price_paths: [{name: a, tenure: api, change_per_year: -0.1}, "
    base += "{name: b, tenure: spot, change_per_year: -0.2}]}\n"
    patch = "  fast: {supply: {price_paths: [{name: a, change_per_year: -0.5}]}}\n"
    path = problem_file(("policy:", f"{base}policy:"), ("scenarios:\n", f"scenarios:\n{patch}"))

    fast = load_problem(path, "fast").problem.supply.price_paths

    assert [(p.tenure, p.change_per_year) for p in fast] == [("api", -0.5), ("spot", -0.2)]


def test_a_path_for_a_block_at_a_price_of_its_own_says_that_none_moves_it(problem_file):
    own = (
        "supply:\n  capacity_blocks: [{name: spring, provider: us, hardware: h100-sxm-80gb, "
        "accelerators_per_node: 8, since: 2027-01, until: 2030-01, max_nodes: 1, "
        "usd_per_node_hour: 9}]\n  price_paths:\n"
        "    - {name: a, provider: us, change_per_year: -0.1}\n"
        "    - {name: b, hardware: NVIDIA H100 80GB HBM3, region: any, tenure: capacity_block, "
        "change_per_year: -0.1}\n"
        "    - {name: c, provider: us, tenure: spot, change_per_year: -0.1}\n"
    )
    read = load_problem(problem_file(("policy:", f"{own}policy:")))

    faults = reference_faults(read, load_catalog([]))

    text = "names capacity block `spring`, which has a price of your own that no path moves"
    assert [(f.line, f.path.rpartition(".")[2]) for f in faults] == [
        (faults[0].line, "a"), (faults[0].line + 1, "b"), (faults[0].line + 2, "provider"),
    ]  # fmt: skip
    assert [f.message.startswith(text) for f in faults] == [True, True, False]

"""Scenario patches and assignments: what is merged, what is replaced, and where faults point."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import InputError
from planner.problem.patch import apply_assignments, apply_scenario, value_at
from planner.yaml_io import parse_yaml


def patched(base, patch):
    lines = [f"  {line}" for line in patch.splitlines()]
    text = base + "scenarios:\n  s:\n" + "\n".join(f"  {line}" for line in lines) + "\n"
    data = dict(apply_scenario(parse_yaml(text, "p.yaml"), "s").data)
    del data["scenarios"]
    return data


def assigned(document, *assignments):
    return apply_assignments(document, assignments).data


def test_mappings_merge_by_key():
    assert patched("a: {x: 1, y: 2}\n", "a: {y: 3, z: 4}") == {"a": {"x": 1, "y": 3, "z": 4}}


def test_merging_goes_all_the_way_down():
    assert patched("a: {b: {c: {d: 1, e: 2}}}\n", "a: {b: {c: {e: 9}}}") == {
        "a": {"b": {"c": {"d": 1, "e": 9}}}
    }


def test_named_items_merge_by_name_and_keep_their_order():
    base = "w:\n  - {name: a, x: 1}\n  - {name: b, x: 2, y: 3}\n"

    assert patched(base, "w: [{name: b, x: 7}]")["w"] == [
        {"name": "a", "x": 1},
        {"name": "b", "x": 7, "y": 3},
    ]


def test_new_named_items_are_appended():
    base = "w: [{name: a, x: 1}]\n"

    assert [i["name"] for i in patched(base, "w: [{name: z}, {name: y}]")["w"]] == ["a", "z", "y"]


def test_lists_without_names_are_replaced():
    assert patched("a: [1, 2, 3]\n", "a: [4]") == {"a": [4]}


def test_a_list_with_one_unnamed_item_is_replaced():
    assert patched("w: [{name: a}]\n", "w: [{name: b}, {x: 1}]")["w"] == [{"name": "b"}, {"x": 1}]


def test_a_null_replaces_the_value():
    assert patched("a: {x: 1}\n", "a:") == {"a": None}


def test_probability_and_description_are_not_part_of_the_patch():
    base = "description: base\n"

    assert patched(base, "description: s\nprobability: 0.3") == {"description": "base"}


def test_deeper_descriptions_are_part_of_the_patch():
    base = "w: [{name: a, description: old}]\n"

    assert patched(base, "w: [{name: a, description: new}]")["w"][0]["description"] == "new"


def test_applying_a_scenario_leaves_the_base_alone(document):
    before = copy.deepcopy(document.data)

    apply_scenario(document, "tight")

    assert document.data == before


def test_positions_of_a_patched_value_point_into_the_patch(document):
    tight = apply_scenario(document, "tight")

    line, _ = tight.positions["workloads", 0, "slo", 0, "limit"]

    assert (
        document.text.splitlines()[line - 1]
        .strip()
        .startswith("- {metric: ttft_ms, percentile: 95")
    )


def test_positions_of_an_appended_item_point_into_the_patch(document):
    more = apply_scenario(document, "more")

    line, _ = more.positions["workloads", 2]

    assert document.text.splitlines()[line - 1].strip() == "- name: batch"


def test_positions_of_a_replaced_list_do_not_survive(document):
    tight = apply_scenario(document, "tight")

    assert ("workloads", 0, "slo", 1) in document.positions
    assert ("workloads", 0, "slo", 1) not in tight.positions


def test_unknown_scenario_is_refused_with_a_suggestion_and_all_names(document):
    with pytest.raises(InputError, match=r"did you mean `calm`\? .*`calm`, `more`, `tight`") as e:
        apply_scenario(document, "clam")

    assert e.value.faults[0].line == 15


def test_problem_without_scenarios_says_none():
    with pytest.raises(InputError, match="Scenarios of this file: none"):
        apply_scenario(parse_yaml("a: 1\n", "p.yaml"), "x")


def test_assignment_reaches_a_list_item_by_name(document):
    data = assigned(document, "workloads.code.arrival.requests_per_day=99")

    assert data["workloads"][1]["arrival"]["requests_per_day"] == 99


def test_assignment_reaches_a_list_item_by_index(document):
    data = assigned(document, "workloads.0.slo.1.limit=7.5")

    assert data["workloads"][0]["slo"][1]["limit"] == 7.5


def test_a_name_made_of_digits_wins_over_the_index():
    document = parse_yaml("w: [{name: a}, {name: '0'}]\n", "p")

    assert assigned(document, "w.0.x=1")["w"] == [{"name": "a"}, {"name": "0", "x": 1}]


def test_assignment_makes_new_keys_and_sections(document):
    data = assigned(document, "finance.discount_rate_per_year=0.1", "policy.max_models=2")

    assert data["finance"] == {"discount_rate_per_year": 0.1}
    assert data["policy"] == {"spare_replicas": 1, "max_models": 2}


def test_assignment_takes_lists_and_mappings(document):
    data = assigned(document, "candidates={hardware: [a, b]}", "workloads.chat.slo=[]")

    assert data["candidates"] == {"hardware": ["a", "b"]}
    assert data["workloads"][0]["slo"] == []


def test_assignment_without_a_value_is_null(document):
    assert assigned(document, "policy.max_models=")["policy"]["max_models"] is None


def test_a_value_may_contain_an_equals_sign(document):
    assert assigned(document, "description=a=b")["description"] == "a=b"


def test_later_assignments_win(document):
    assert assigned(document, "name=x", "name=y")["name"] == "y"


def test_existing_keys_with_dots_are_found(document):
    data = assigned(
        document,
        "workloads.chat.token_factors={llama-3.3-70b: {isl: 1.0}}",
        "workloads.chat.token_factors.llama-3.3-70b.isl=1.5",
    )

    assert data["workloads"][0]["token_factors"] == {"llama-3.3-70b": {"isl": 1.5}}


def test_items_whose_name_has_dots_are_found():
    document = parse_yaml("w: [{name: v1.5, x: 1}]\n", "p")

    assert assigned(document, "w.v1.5.x=2")["w"] == [{"name": "v1.5", "x": 2}]


def test_assignments_leave_the_document_alone(document):
    before = copy.deepcopy(document.data)

    apply_assignments(document, ["workloads.chat.slo.0.limit=1"])

    assert document.data == before


def test_every_bad_assignment_is_reported(document):
    with pytest.raises(InputError) as caught:
        apply_assignments(document, ["x", "workloads.no.x=1", "name.y=2", "policy=[1,"])

    assert [f.file for f in caught.value.faults] == [
        "--set x",
        "--set workloads.no.x=1",
        "--set name.y=2",
        "--set policy=[1,",
    ]


def test_an_item_of_an_empty_list_does_not_exist():
    with pytest.raises(InputError, match=r"has no item `0`\. It has no item"):
        apply_assignments(parse_yaml("a: []\n", "p"), ["a.0=1"])


keys = st.sampled_from(["a", "b", "c"])
values = st.recursive(
    st.integers() | st.none() | st.booleans(),
    lambda inner: st.dictionaries(keys, inner) | st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(base=st.dictionaries(keys, values), patch=st.dictionaries(keys, values))
def test_a_patch_applied_twice_is_the_patch_applied_once(base, patch):
    def merge(data):
        text = parse_yaml("a: 1\n", "p")
        whole = type(text)("p", "", {**data, "scenarios": {"s": patch}}, {(): (1, 1)})
        merged = apply_scenario(whole, "s").data
        return {k: v for k, v in merged.items() if k != "scenarios"}

    once = merge(base)

    assert merge(once) == once


@given(st.dictionaries(keys, values))
def test_an_empty_patch_changes_nothing(base):
    text = parse_yaml("a: 1\n", "p")
    whole = type(text)("p", "", {**base, "scenarios": {"s": {}}}, {(): (1, 1)})

    assert apply_scenario(whole, "s").data == whole.data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("policy.spare_replicas", 1),
        ("workloads.chat.slo.0.limit", 450),
        ("workloads.0.slo.0.limit", 450),
        ("token_factors.llama-3.1-8b.isl", 1.5),
    ],
)
def test_a_value_is_found_where_an_assignment_would_set_it(path, value):
    data = {
        "policy": {"spare_replicas": 1},
        "workloads": [{"name": "chat", "slo": [{"limit": 450}]}],
        "token_factors": {"llama-3.1-8b": {"isl": 1.5}},
    }

    assert value_at(data, path) == value


@pytest.mark.parametrize("path", ["policy.x", "workloads.batch", "policy.spare_replicas.x"])
def test_a_path_that_leads_nowhere_has_no_value(path):
    data = {"policy": {"spare_replicas": 1}, "workloads": [{"name": "chat"}]}

    with pytest.raises(ValueError, match=r"there is no|has no item"):
        value_at(data, path)


LISTS = """\
workloads: [{name: chat, slo: [{limit: 1}, {limit: 2}]}, {name: code}]
lists: [[1, 2], [3]]
one: [{name: only}]
many: [{name: n0}, {name: n1}, {name: n2}, {name: n3}, {name: n4}, {name: n5}, {name: n6},
       {name: n7}, {name: n8}, {name: n9}, {name: n10}, {name: n11}, {name: n12}]
"""


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("workloads.7.x", "`workloads` has no item `7`. It has `chat`, `code` (0 to 1)"),
        ("workloads[7].x", "`workloads` has no item `7`. It has `chat`, `code` (0 to 1)"),
        ("workloads.2.x", "`workloads` has no item `2`. It has `chat`, `code` (0 to 1)"),
        ("workloads[-1].x", "`workloads` has no item `-1`. It has `chat`, `code` (0 to 1)"),
        ("workloads.chta.x", "`chta`; did you mean `chat`? It has `chat`, `code` (0 to 1)"),
        ("workloads[chat].slo[2].limit", "`workloads.0.slo` has no item `2`. It has 0 to 1"),
        ("lists[1][1]", "`lists.1` has no item `1`. It has 0"),
        ("one.1", "`one` has no item `1`. It has `only` (0)"),
        ("many.13", "It has `n0`, `n1`, `n2`, `n3`, `n4`, `n5`, `n6`, `n7`, `n8`, `n9`, `n10`, "
                    "`n11`, ... (0 to 12)"),
    ],
)  # fmt: skip
def test_an_item_that_is_missing_gets_the_range_of_those_that_are_there(path, says):
    with pytest.raises(InputError) as caught:
        apply_assignments(parse_yaml(LISTS, "p.yaml"), [f"{path}=1"])

    (fault,) = caught.value.faults
    assert fault.message.endswith(says)


def test_brackets_are_dots():
    document = parse_yaml(LISTS, "p.yaml")

    assert assigned(document, "workloads[0].slo[1].limit=7") == assigned(
        document, "workloads.0.slo.1.limit=7"
    )
    assert assigned(document, "lists[0][1]=[9]")["lists"] == [[1, [9]], [3]]
    assert value_at(document.data, "workloads[chat].slo[0].limit") == 1

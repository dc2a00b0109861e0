"""Faults of a document: their place, one per mistake, and none hidden behind another."""

from __future__ import annotations

import pytest

from planner.problem.patch import apply_assignments
from planner.problem.validate import fault_at, validate
from planner.yaml_io import parse_yaml


def paths(text, *edits):
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return [f.path for f in validate(parse_yaml(text, "p.yaml")).faults]


def test_a_valid_document_has_a_problem_and_no_fault(document):
    validation = validate(document)

    assert validation.problem is not None
    assert validation.faults == ()


def test_fault_takes_the_position_of_the_nearest_known_parent(document):
    fault = fault_at(document, ("workloads", 0, "slo", 0, "absent"), "m")

    assert (fault.line, fault.column) == document.positions["workloads", 0, "slo", 0]
    assert fault.path == "workloads.chat.slo.0.absent"


def test_fault_of_the_whole_file_is_at_its_start(document):
    fault = fault_at(document, ("absent",), "m")

    assert (fault.line, fault.column) == (1, 1)


def test_fault_in_an_assigned_value_names_the_assignment(document):
    changed = apply_assignments(document, ["workloads.chat.slo=[{metric: x}]"])

    fault = fault_at(changed, ("workloads", 0, "slo", 0, "metric"), "m")

    assert fault.file == "--set workloads.chat.slo=[{metric: x}]"
    assert fault.line is None


def test_fault_beside_an_assigned_value_stays_in_the_file(document):
    changed = apply_assignments(document, ["workloads.chat.slo.0.limit=1"])

    assert fault_at(changed, ("workloads", 0, "slo", 1, "limit"), "m").file == "p.yaml"


def test_contradictions_are_found_beside_values_of_a_wrong_type(text):
    found = paths(
        text, ("spare_replicas: 1", "spare_replicas: x"), ("isl_tokens: {mean: 100}",
                                                           "isl_tokens: {mean: 9, max: 5}")
    )  # fmt: skip

    assert found == ["policy.spare_replicas", "workloads.chat.lengths.isl_tokens.mean"]


def test_contradictions_are_found_when_required_fields_are_missing(text):
    found = paths(text, ("schema_version: 1\n", ""), ("name: base\n", ""),
                  ("- name: code", "- name: chat"))  # fmt: skip

    assert found == [
        "schema_version",
        "name",
        "workloads.chat.name",
        "workloads.chat.name",
    ]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("requests_per_day: 1000", "requests_per_day: x", "arrival.requests_per_day"),
        ("isl_tokens: {mean: 100}", "isl_tokens: {max: 9}", "lengths.isl_tokens.mean"),
        ("isl_tokens: {mean: 100}", "isl_tokens: 100", "lengths.isl_tokens"),
        ("lengths: {isl_tokens: {mean: 100}, osl", "lengths: [1]  # {osl", "lengths"),
    ],
)
def test_the_consequence_of_a_fault_is_no_second_fault(text, old, new, path):
    assert paths(text, (old, new)) == [f"workloads.chat.{path}"]


def test_growth_is_not_compared_with_periods_that_are_wrong(text):
    found = paths(
        text,
        ("periods: 2", "periods: two"),
        ("requests_per_day: 10}", "requests_per_day: 10}\n    growth_per_period: [1, 1, 1]"),
    )

    assert found == ["horizon.periods"]


def test_reference_is_not_asked_for_when_the_models_are_wrong(text):
    found = paths(
        text,
        ("policy:", "candidates: {models: 5}\npolicy:"),
        ("    slo:", "    quality: [{benchmark: b, min_relative: 0.9}]\n    slo:"),
    )

    assert found == ["candidates.models"]


def test_several_wrong_items_of_a_list_are_all_reported(text):
    found = paths(text, ("policy:", "candidates: {models: [1, a, 2]}\npolicy:"))

    assert found == ["candidates.models.0", "candidates.models.2"]


VOLUMES = """
supply:
  volume_discounts:
    - name: v
      provider: nebius
      model: llama
      tiers:
        - {from_usd_per_month: 10, discount: 0.1}
        - {from_usd_per_month: 5, discount: 0.2}
        - {from_usd_per_month: 9, discount: 0.3}
    - {name: v, provider: nebius, tenures: [spot, spot], tiers: [{discount: 0.1}]}
"""
CONTRADICTIONS = [
    "supply.volume_discounts.v.model",
    "supply.volume_discounts.v.tiers.0",
    "supply.volume_discounts.v.tiers.1.from_usd_per_month",
    "supply.volume_discounts.v.name",
    "supply.volume_discounts.v.tenures.1",
]


@pytest.mark.parametrize(
    ("old", "new", "fault", "depends"),
    [
        ("discount: 0.1}\n", "discount: 1.1}\n", "tiers.0.discount", ()),
        (", discount: 0.1}\n", "}\n", "tiers.0.discount", ()),
        ("discount: 0.2", "discount: none", "tiers.1.discount", ()),
        ("discount: 0.2", "discount: -5", "tiers.1.discount", ()),
        ("month: 10,", "month: -1,", "tiers.0.from_usd_per_month", ("month",)),
        ("month: 5,", "month: 0,", "tiers.1.from_usd_per_month", ("month",)),
        ("model: llama", "model: 5", "model", (".model",)),
        ("      provider: nebius\n", "", "provider", ()),
        ("model: llama", "model: llama\n      tenures: [apii]", "tenures.0", (".model",)),
        ("model: llama", "model: llama\n      tenures: api", "tenures", (".model",)),
        ("model: llama", "model: llama\n      tenurez: [api]", "tenurez", (".model",)),
        ("model: llama", "model: llama\n      applies_to: al", "applies_to", ()),
    ],
)
def test_one_refused_value_hides_only_what_is_compared_with_it(text, old, new, fault, depends):
    found = paths(text + VOLUMES, (old, new))

    expected = [p for p in CONTRADICTIONS if not p.endswith(tuple(depends))]
    assert sorted(found) == sorted([f"supply.volume_discounts.v.{fault}", *expected])


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("periods: 2", "periods: 21", "horizon.periods"),
        ("periods: 2", "periods: [4]", "horizon.periods"),
        ("start: 2027-01", "start: soon", "horizon.start"),
    ],
)
def test_a_faulty_horizon_hides_no_fault_of_contracts(text, old, new, path):
    found = paths(text + VOLUMES, (old, new))

    assert sorted(found) == sorted([path, *CONTRADICTIONS])


def test_percentiles_without_an_end_are_told_beside_a_missing_mean(text):
    found = paths(text, ("isl_tokens: {mean: 100}", "isl_tokens: {p50: 1}"))

    assert sorted(found) == [
        "workloads.chat.lengths.isl_tokens",
        "workloads.chat.lengths.isl_tokens.mean",
    ]


def test_another_item_is_named_by_its_line(document):
    changed = parse_yaml(document.text + VOLUMES, "p.yaml")

    (fault,) = [f for f in validate(changed).faults if f.path.endswith(".name")]

    line, column = changed.positions["supply", "volume_discounts", 0]
    assert fault.message.startswith(f"`v` names the item at p.yaml:{line}:{column} too")


def test_another_item_that_an_assignment_made_is_named_by_its_path(document):
    limits = "supply.api_limits=[{provider: a}, {provider: a}]"

    faults = validate(apply_assignments(document, [limits])).faults

    assert "repeats the item `supply.api_limits.0`; put both limits into one item" in [
        f.message for f in faults
    ]


def test_a_misspelt_field_does_not_hide_another_missing_one(text):
    found = paths(text, ("{metric: ttft_ms, percentile: 99,", "{metrik: ttft_ms,"))

    assert found == ["workloads.chat.slo.0.percentile", "workloads.chat.slo.0.metrik"]


@pytest.mark.parametrize(
    ("stated", "wrong"),
    [
        ("{cash: -5}", [".cash"]),
        ("{cash: -5, opex: x}", [".cash", ".opex"]),
        ("{cash: [1, -2]}", [".cash.1"]),
        ("[1, -2]", [".1"]),
        ("{ca: 5}", [".ca"]),  # an unknown field is the only fault too
        ("many", [""]),
    ],
)
def test_a_group_with_a_wrong_figure_is_not_also_told_to_be_no_number(text, stated, wrong):
    more = ("policy:", f"limits: {{budget_usd_per_period: {stated}}}\npolicy:")

    assert paths(text, more) == [f"limits.budget_usd_per_period{place}" for place in wrong]

"""Figures of systems as plans read them: names, cases, contradictions, prices."""

import pytest

from planner.catalog.check import check_catalog
from planner.catalog.systems import System, systems_of

SPEEDS = {
    "chips": ("model-a", 4),
    "decode_tokens_per_s_per_user": ("model-a/bf16", 100),
    "concurrent_requests_per_system": ("model-a/bf16", 3),
    "prefill_tokens_per_s_per_system": ("model-a/bf16", 5_000),
}


@pytest.fixture
def facts(sound, row):
    """Return a function that gives a catalogue with figures of one system."""

    def build(*more, **tables):
        rows = [
            row("systems", quantity=quantity, case=case, value=value)
            for quantity, (case, value) in SPEEDS.items()
        ]
        rows += [row("systems", quantity="chips", value=2), row("systems"), *more]
        return sound(systems=rows, **tables)

    return build


def messages(catalog):
    return [f"{fault.path}: {fault.message}" for fault in check_catalog(catalog).errors]


def test_a_replica_takes_whole_systems(facts):
    (system,) = systems_of(facts())

    assert system == System("wafer-a", system.catalog)
    assert system.systems("model-a", "bf16") == 2
    assert system.systems("model-b", "bf16") is None
    assert system.memory_bytes() == 80e9


def test_chips_of_one_format_go_before_those_of_the_model(facts, row):
    more = row("systems", quantity="chips", case="model-a/bf16", value=5)

    assert systems_of(facts(more))[0].systems("model-a", "bf16") == 3


def test_requests_and_throughput_follow_from_each_other(facts, row):
    (system,) = systems_of(facts())

    assert system.load("model-a/bf16") == (300, 3)
    assert system.load("model-a/fp8") is None


def test_sound_figures_have_no_fault(facts):
    assert messages(facts()) == []


@pytest.mark.parametrize(
    ("quantity", "case", "value", "message"),
    [
        ("prefill_tokens_per_s_per_system", "modell-a/bf16", 9, "did you mean `model-a`"),
        ("prefill_tokens_per_s_per_system", "model-a/fp9", 9, "`fp9` is in no table"),
        ("prefill_tokens_per_s_per_system", "model-a/bf16", 0, "is 0; leave it"),
        ("memory_gb", "", 0, "memory_gb: is 0; leave it blank"),
        (
            "decode_tokens_per_s_per_system",
            "model-a/bf16",
            40,
            "80 of a replica is below decode_tokens_per_s_per_user (100)",
        ),
        (
            "decode_tokens_per_s_per_system",
            "model-a/bf16",
            301,
            "301 is above 3 requests at decode_tokens_per_s_per_user (100)",
        ),
    ],
)
def test_figures_that_cannot_be_are_named(facts, row, quantity, case, value, message):
    found = messages(facts(row("systems", quantity=quantity, case=case, value=value)))

    assert len(found) == 1
    assert message in found[0]


def test_a_system_is_an_accelerator_of_offers_and_aliases(facts, row):
    alias = row("aliases", alias="Wafer A", accelerator="wafer-a")
    offer = row("offers", accelerator="wafer-a", price_usd_per_hour=900, accelerators=1)

    world = facts(aliases=[alias], offers=[offer])

    assert messages(world) == []
    assert [world.resolve_accelerator(n) for n in ("wafer a", "WAFER-A")] == ["wafer-a"] * 2


def test_a_price_that_no_system_has_is_named(facts, row):
    offer = row("offers", accelerator="wafer-a", price_usd_per_hour=2_001, accelerators=1)

    (found,) = messages(facts(offers=[offer]))

    assert "outside 0.05 to 2000" in found


def test_shipped_systems_are_complete_or_say_what_is_missing(shipped):
    """Every speed in a number format comes with its throughput and prompts, or a row says why."""
    complete = set()
    for system in systems_of(shipped):
        for row in shipped.systems:
            if row.id != system.id or row.quantity != "decode_tokens_per_s_per_user":
                continue
            if system.load(row.case) and system.value("prefill_tokens_per_s_per_system", row.case):
                complete.add((system.id, row.case))

    assert complete == {
        ("sambanova-sn40l-8", "llama-3.1-8b-instruct/bf16"),
        ("sambanova-sn40l-8", "mistral-7b-instruct-v0.3/bf16"),
        ("sambanova-sn40l-8", "llama-2-7b/bf16"),
    }


RUNS_S = (
    (128, 16, 0.555), (256, 1, 0.401), (256, 16, 0.836), (512, 1, 0.826), (512, 16, 1.993),
    (1_024, 1, 1.584), (1_024, 16, 3.543), (2_048, 1, 3.288), (2_048, 16, 9.040),
)  # fmt: skip
"""Tokens in and as many out, requests at once, and seconds: Llama 3 8B on a node of 8 SN40L."""


@pytest.mark.parametrize(("tokens", "requests", "measured_s"), RUNS_S)
def test_shipped_points_of_a_node_are_within_30_percent_of_its_runs(
    shipped, tokens, requests, measured_s
):
    node = System("sambanova-sn40l-8", shipped)
    case = "llama-3.1-8b-instruct/bf16"
    total, most = node.load(case)
    alone = node.value("decode_tokens_per_s_per_user", case)
    prompts_s = requests * tokens / node.value("prefill_tokens_per_s_per_system", case)
    step_s = {1: 1 / alone, most: most / total}[requests]

    predicted_s = prompts_s + (tokens - 1) * step_s

    assert 1 / 1.3 < measured_s / predicted_s < 1.3

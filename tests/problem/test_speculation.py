"""Speculative decoding in a problem file."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from planner.catalog.schema import Draft
from planner.problem.references import name_findings
from planner.problem.semantics import semantic_faults
from tests.options.world import catalog, loaded, problem, workload

HEAD = Draft.model_validate(
    {
        "source": "a test",
        "as_of": "2026",
        "model": "model-a",
        "id": "head-3",
        "text": "chat",
        "method": "eagle",
        "draft_tokens": 3,
        "tokens_per_step": 2.5,
        "engines": "vllm",
    }
)
PLACE = ("workloads", 0, "speculation")


def asked(drafts="off", **speculation):
    candidates = {"speculative_decoding": drafts}
    return problem(workload(speculation=speculation or None), candidates=candidates)


def found(whole):
    facts = catalog(drafts=[HEAD])
    return name_findings(loaded(whole), facts)


def test_nothing_is_drafted_by_default():
    assert problem().candidates.speculative_decoding == "off"
    assert problem().workloads[0].speculation is None


@pytest.mark.parametrize("drafts", ["off", "on", ["head-3"]])
def test_kind_of_text_is_accepted(drafts):
    whole = asked(drafts, text="code")

    assert semantic_faults(whole) == []
    assert found(whole) == []


@pytest.mark.parametrize("drafts", ["maybe", True, [1]])
def test_other_switches_are_refused(drafts):
    with pytest.raises(ValidationError, match="speculative_decoding"):
        asked(drafts)


@pytest.mark.parametrize("speculation", [{"text": None}, {"text": "chat", "tokens_per_step": 2}])
def test_text_and_length_exclude_each_other(speculation):
    whole = asked(["head-3"], **speculation)

    assert semantic_faults(whole) == [(PLACE, "give exactly one of `text` and `tokens_per_step`")]


@pytest.mark.parametrize("drafts", ["off", "on", ["head-1", "head-3"]])
def test_measured_length_needs_the_draft_it_is_of(drafts):
    ((path, message),) = semantic_faults(asked(drafts, tokens_per_step=2.4))

    assert path == (*PLACE, "tokens_per_step")
    assert "name that one in `candidates.speculative_decoding`" in message


@pytest.mark.parametrize(("text", "tokens"), [("poems", None), (None, 0.5)])
def test_impossible_values_are_refused(text, tokens):
    with pytest.raises(ValidationError):
        asked(["head-3"], text=text, tokens_per_step=tokens)


def test_unknown_draft_is_named_with_the_nearest():
    ((path, message),) = found(asked(["head-4"]))

    assert path == ("candidates", "speculative_decoding", 0)
    assert message.startswith("no draft `head-4` in the catalogue")
    assert "head-3" in message
    assert "planner catalog list drafts" in message


def test_more_tokens_than_the_draft_allows_are_refused():
    ((path, message),) = found(asked(["head-3"], tokens_per_step=4.5))

    assert path == (*PLACE, "tokens_per_step")
    assert message == "is 4.5, but a step with this draft makes at most 4 tokens"

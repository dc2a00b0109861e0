"""Rows of drafts that contradict themselves or each other."""

from __future__ import annotations

import pytest

from planner.catalog.check import check_catalog
from planner.catalog.check.models import impossible_drafts
from planner.catalog.schema import Draft
from tests.options.world import catalog, row

HEAD = {
    "source": "a test",
    "as_of": "2026-06-01",
    "model": "model-a",
    "id": "head-3",
    "text": "chat",
    "method": "eagle",
    "draft_tokens": 3,
    "tokens_per_step": 2.5,
    "engines": "vllm",
}


def head(**changes):
    return Draft.model_validate(HEAD | changes)


def messages(*rows, **tables):
    return [(f.path, f.message) for f in impossible_drafts(catalog(drafts=list(rows), **tables))]


def test_sound_rows_are_no_fault():
    rows = (head(), head(text="code", tokens_per_step=None, acceptance=0.8))

    assert messages(*rows) == []


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"tokens_per_step": None}, "tokens_per_step", "is blank; give it or `acceptance`"),
        ({"tokens_per_step": 4.5}, "tokens_per_step", "4.5 of at most 4 tokens a step"),
        ({"method": "draft_model"}, "draft_model", "is blank; the model that drafts"),
        ({"draft_model": "model-a"}, "draft_model", "is stated; only belongs to"),
        ({"method": "mtp", "params_b": 0.4}, "params_b", "only heads of method `eagle`"),
    ],
)
def test_contradiction_of_a_row_is_named(changes, column, words):
    ((field, message),) = messages(head(**changes))

    assert field == f"drafts.{column}"
    assert words in message
    assert message.startswith("model-a:head-3:chat: ")


def test_rows_of_one_draft_agree():
    rows = (head(), head(text="code", draft_tokens=4))

    ((field, message),) = messages(*rows)

    assert field == "drafts.draft_tokens"
    assert message == "model-a:head-3:code: 4 here, 3 in model-a:head-3:chat"


@pytest.mark.parametrize(
    ("changes", "column", "name"),
    [
        ({"model": "model-b"}, "model", "model-b"),
        ({"method": "draft_model", "draft_model": "model-x"}, "draft_model", "model-x"),
        ({"engines": "vllm other"}, "engines", "other"),
    ],
)
def test_names_that_lead_nowhere_are_errors(changes, column, name):
    report = check_catalog(catalog(drafts=[head(**changes)]))

    found = {(f.path, f.message) for f in report.errors}

    assert any(f == f"drafts.{column}" and f"`{name}` is in no table" in m for f, m in found)


@pytest.mark.parametrize(
    "changes", [{"tokens_per_step": 0.5}, {"acceptance": 1.5}, {"draft_tokens": 0}]
)
def test_impossible_figures_are_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        head(**changes)


def test_drafts_of_a_model_are_grouped():
    rows = [head(), head(text="code"), head(id="head-1", draft_tokens=1, tokens_per_step=1.7)]

    grouped = catalog(drafts=rows).drafts_of("model-a")

    assert {name: len(found) for name, found in grouped.items()} == {"head-3": 2, "head-1": 1}
    assert catalog(drafts=rows).drafts_of("model-b") == {}


def test_later_row_of_a_key_wins():
    facts = catalog(drafts=[head(), head(tokens_per_step=2.9)], models=[row("models")])

    assert [d.tokens_per_step for d in facts.drafts] == [2.9]

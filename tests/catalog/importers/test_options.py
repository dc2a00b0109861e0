"""Options of the formats: what each reads, and what happens to any other."""

from __future__ import annotations

from importlib import import_module

import pytest

from planner.catalog.importers import FORMATS, read_format
from planner.catalog.importers.options import check_options
from planner.catalog.importers.record import Settings
from planner.errors import InputError

ACCEPTED = {"cloud": "whose prices", "zone": "where"}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_states_its_options_with_help(form):
    options = import_module(FORMATS[form]).OPTIONS

    assert all(key.isidentifier() and text and "\n" not in text for key, text in options.items())


@pytest.mark.parametrize("form", FORMATS)
def test_option_that_no_format_has_is_refused_before_anything_is_read(form, world, tmp_path):
    settings = Settings(world(), "2026-06", {"foo": "bar"})

    with pytest.raises(InputError, match=f"--option foo\n    is no option of {form}"):
        read_format(form, tmp_path / "absent", settings)


@pytest.mark.parametrize(
    ("form", "key", "said"),
    [
        (
            "skypilot",
            "Cloud",
            "did you mean `cloud`\\?\n    skypilot reads:\n      cloud: provider",
        ),
        ("huggingface", "rep", "did you mean `repo`\\?\n    huggingface reads:\n      id: .*\n"),
        ("genai-prices", "x", "genai-prices has no options"),
        ("lm-eval", "quantisation", "did you mean `quantization`"),
        (
            "aiperf",
            "hardwear",
            "did you mean `hardware`\\?\n    aiperf reads:\n      hardware: id",
        ),
    ],
)
def test_near_miss_and_all_that_a_format_reads_are_named(form, key, said, world, tmp_path):
    with pytest.raises(InputError, match=said):
        read_format(form, tmp_path / "absent", Settings(world(), "2026-06", {key: "y"}))


def test_all_unknown_options_are_reported_at_once_and_the_list_once():
    with pytest.raises(InputError, match="no option of acme") as caught:
        check_options("acme", {"a": "1", "cloud": "x", "zoone": "2"}, ACCEPTED)

    assert [fault.path for fault in caught.value.faults] == ["--option a", "--option zoone"]
    assert (
        str(caught.value).count("acme reads:\n      cloud: whose prices\n      zone: where") == 1
    )


def test_accepted_options_pass():
    check_options("acme", {"zone": "x"}, ACCEPTED)

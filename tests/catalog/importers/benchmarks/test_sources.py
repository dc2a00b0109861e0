"""Files and folders of results."""

from __future__ import annotations

import json

import pytest

from planner.catalog.importers.benchmarks import aiperf as aiperf_reader
from planner.catalog.importers.benchmarks import guidellm as guidellm_reader
from planner.catalog.importers.benchmarks import vllm
from planner.errors import InputError
from tests.catalog.importers.benchmarks.results import aiperf, guidellm, serving

READERS = {vllm: serving, guidellm_reader: guidellm, aiperf_reader: aiperf}
every_reader = pytest.mark.parametrize("reader", READERS, ids=lambda m: m.__name__.split(".")[-1])


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes objects or text into a folder, by path."""

    def write(files: dict[str, object]):
        for name, content in files.items():
            path = tmp_path / "results" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "results"

    return write


def test_repeated_runs_of_one_setup_keep_their_file_names(folder, settings):
    again = serving(mean_ttft_ms=201.0)
    source = folder({"a/run=0.json": serving(), "a/run=1.json": again, "b.txt": "no"})

    imported = vllm.read(source, settings())

    measured = imported.rows["measurements"]
    assert {row.source_ref for row in measured} == {"a/run=0.json", "a/run=1.json"}
    assert len({row.key for row in measured}) == len(measured) == 44
    assert imported.rejected == ()


def test_copy_of_a_run_is_a_duplicate(folder, settings):
    sweep = [serving(), serving(mean_ttft_ms=201.0)]
    source = folder({"run=0.json": serving(), "summary.json": sweep})

    imported = vllm.read(source, settings())

    (rejected,) = imported.rejected
    assert (rejected.place, rejected.reason) == ("summary.json#1", "duplicate")
    assert "run=0.json" in rejected.detail
    assert len(imported.rows["measurements"]) == 44


def test_names_that_look_alike_when_shown_do_not_mix(folder, settings):
    source = folder({"a\x01.json": serving(), "a\x02.json": serving(mean_ttft_ms=201.0)})

    imported = vllm.read(source, settings())

    assert [r.reason for r in imported.rejected] == ["duplicate"]
    assert {row.source_ref for row in imported.rows["measurements"]} == {"a?.json"}


@every_reader
def test_other_json_in_a_folder_is_rejected_by_file(folder, settings, reader):
    others = {
        "meta.json": {"name": "x"},
        "list.json": [1, 2, {"a": 1}],
        "number.json": 5,
        "empty.json": [],
    }
    source = folder({"good.json": READERS[reader](), **others})

    imported = reader.read(source, settings())

    assert imported.rows["measurements"]
    assert {r.place: r.reason for r in imported.rejected} == dict.fromkeys(
        sorted(others), "unknown_layout"
    )


@every_reader
def test_results_of_the_other_tools_are_unknown(folder, settings, reader):
    files = {f"{other.__name__}.json": make() for other, make in READERS.items()}
    imported = reader.read(folder(files), settings())

    assert {row.source_ref.split("#")[0] for row in imported.rows["measurements"]} == {
        f"{reader.__name__}.json"
    }
    assert [r.reason for r in imported.rejected] == ["unknown_layout"] * 2


def test_file_that_is_no_json_is_a_rejection_in_a_folder_and_an_error_alone(folder, settings):
    source = folder({"cut.json": '{"completed": 1', "good.json": serving()})

    imported = vllm.read(source, settings())
    assert [(r.place, r.reason) for r in imported.rejected] == [("cut.json", "unreadable")]
    with pytest.raises(InputError, match="is not JSON"):
        vllm.read(source / "cut.json", settings())


@pytest.mark.parametrize("text", ["", " \n", "{} x", '{"a": 1}{'])
def test_text_that_is_no_json_is_an_error_with_what_is_accepted(folder, settings, text):
    with pytest.raises(InputError, match="accepted: a result JSON of vllm bench"):
        vllm.read(folder({"a.json": text}) / "a.json", settings())


def test_folder_without_json_is_an_error(folder, settings):
    with pytest.raises(InputError, match=r"has no \*\.json"):
        vllm.read(folder({"a.txt": "x"}), settings())


def test_missing_source_is_an_error(tmp_path, settings):
    with pytest.raises(InputError, match="cannot be read"):
        vllm.read(tmp_path / "absent.json", settings())


def test_key_that_stands_twice_is_reported(folder, settings):
    text = json.dumps(serving())[:-1] + ', "duration": 50.0}'
    imported = vllm.read(folder({"a.json": text}), settings())

    assert [(r.value, r.reason) for r in imported.rejected] == [("duration", "repeated_key")]
    assert len(imported.rows["measurements"]) == 22


@every_reader
def test_source_gives_the_same_twice(folder, settings, reader):
    source = folder({"b.json": READERS[reader](), "a/c.json": {}})

    assert reader.read(source, settings()) == reader.read(source, settings())

"""Whatever a source holds, importing it gives rows and rejections, or an error with its name.

And whatever rows it gives, the overlay made of them loads again without a fault, as it was.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.importers import read_format
from planner.catalog.importers.record import Imported, Settings, overlay_files
from planner.catalog.schema import TABLES
from planner.catalog.table import scan_table
from planner.errors import InputError
from tests.catalog.importers.samples import JSON_SAMPLES, QWEN, SAMPLES, Sample

AS_OF = "2026-06-15"
every_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
every_json_sample = pytest.mark.parametrize("sample", JSON_SAMPLES.values(), ids=JSON_SAMPLES)


@pytest.fixture(scope="module")
def context(world, row) -> Settings:
    catalog = world(
        accelerators=[row("accelerators", id=key) for key in ("h100", "tpu-v5p")],
        models=[row("models", id="qwen3-32b", hf_repo=QWEN)],
        quantizations=[row("quantizations", id="fp8")],
    )
    return Settings(catalog, AS_OF)


@pytest.fixture
def run(tmp_path, context) -> Callable[[Sample, bytes], Imported | None]:
    """Return a function that imports bytes in place of a sample; `None` for a refusal."""

    def read(sample: Sample, data: bytes | None) -> Imported | None:
        path = tmp_path / sample.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if data is not None:
            path.write_bytes(data)
        source = tmp_path / sample.inside if sample.inside else path
        settings = replace(context, options=sample.options)
        try:
            imported = read_format(sample.form, source, settings)
        except InputError as error:
            if not all(str(tmp_path) in fault.file for fault in error.faults):
                raise
            return None
        check_overlay(imported, tmp_path / "overlay")
        return imported

    return read


def check_overlay(imported: Imported, folder: Path) -> None:
    """Require that the overlay loads as it was, and is the same when it is made again."""
    folder.mkdir(exist_ok=True)
    files = overlay_files(imported, folder)
    loaded = {}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8", newline="")
        read = scan_table(path, path.name, TABLES[path.stem])
        assert read.faults == ()
        loaded[path.stem] = tuple(located.row for located in read.rows)
    assert overlay_files(Imported(loaded), folder) == files


@every_sample
def test_sample_gives_rows_and_the_same_bytes_again(run, tmp_path, sample):
    first, second = (run(sample, sample.text.encode()) for _ in range(2))

    assert sum(len(rows) for rows in first.rows.values()) >= 1
    assert overlay_files(first, tmp_path) == overlay_files(second, tmp_path)


@every_sample
def test_cut_source_is_read_or_refused(run, sample):
    data = sample.text.encode()

    for end in range(0, len(data), 1 + len(data) // 60):
        run(sample, data[:end])
        run(sample, data[end:])


@every_sample
def test_source_in_another_encoding_is_read_or_refused(run, sample):
    text = sample.text.replace("acme", "acmé").replace("192", "é").replace("0.4.9", "é")

    whole = run(sample, text.encode("utf-8-sig"))

    assert whole is not None
    assert whole == run(sample, text.encode())
    for encoding in ("latin-1", "utf-16", "utf-16-le", "utf-32", "cp500"):
        run(sample, text.encode(encoding))


@every_sample
def test_stray_byte_is_read_or_refused(run, sample):
    data, rng = sample.text.encode(), random.Random(1)

    for byte in (b"\0", b"\xff", b'"', b"\r", b"\n", b",", b"\x1b", b"\xc2\x85", b"\xed\xa0\x80"):
        for _ in range(8):
            at = rng.randrange(len(data))
            run(sample, data[:at] + byte + data[at:])


@every_sample
def test_shuffled_lines_are_read_or_refused(run, sample):
    lines, rng = sample.text.splitlines(keepends=True), random.Random(1)

    for _ in range(40):
        run(sample, "".join(rng.sample(lines, len(lines))).encode())


@every_json_sample
def test_shuffled_keys_give_the_same_rows(run, sample):
    rows, rng = run(sample, sample.text.encode()).rows, random.Random(1)

    for _ in range(10):
        text = json.dumps(shuffled(sample.content, rng))
        assert set_of(run(sample, text.encode()).rows) == set_of(rows)


def shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, list):
        return [shuffled(item, rng) for item in value]
    if isinstance(value, dict):
        items = rng.sample(list(value.items()), len(value))
        return {key: shuffled(item, rng) for key, item in items}
    return value


def set_of(rows: Any) -> set[str]:
    return {row.model_dump_json() for table in rows.values() for row in table}


ODD = [None, True, -1, 0, 0.5, 1e308, 10**400, float("nan"), "", " ", "\0", "\ud800", "a\nb", '"']
ODD += [[], {}, [[]], {"": None}, "9" * 5_000, "x" * 100_000, "2026-13-01", "-1:0", [1] * 5]


@every_json_sample
def test_odd_value_in_any_place_is_read_or_refused(run, sample):
    for place in places(sample.content):
        for value in ODD:
            run(sample, json.dumps(replaced(sample.content, place, value)).encode())


@every_json_sample
def test_odd_key_in_any_place_is_read_or_refused(run, sample):
    for place in places(sample.content):
        for key in ("", " ", "\0", "\ud800", "a\nb", "x" * 100_000, ":", "../..", "=1+1"):
            run(sample, json.dumps(renamed(sample.content, place, key)).encode())


@every_json_sample
@pytest.mark.parametrize("depth", [100, 800, 950, 100_000])
def test_deep_value_in_any_place_is_read_or_refused(run, sample, depth):
    for place in places(sample.content):
        text = json.dumps(replaced(sample.content, place, "@"))
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            deep = opening * depth + "1" + closing * depth
            run(sample, text.replace('"@"', deep).encode())


Place = tuple[str | int, ...]


def places(value: Any) -> Iterator[Place]:
    """Yield the path of every part of a value."""
    keys = range(len(value)) if isinstance(value, list) else value
    for key in keys if isinstance(value, dict | list) else ():
        yield (key,)
        yield from ((key, *place) for place in places(value[key]))


def replaced(value: Any, place: Place, new: Any) -> Any:
    """Return a copy of a value with another part in a place."""
    changed = copy.copy(value)
    changed[place[0]] = replaced(value[place[0]], place[1:], new) if len(place) > 1 else new
    return changed


def renamed(value: Any, place: Place, key: str) -> Any:
    """Return a copy of a value with another key in a place that has one."""
    if len(place) > 1:
        return replaced(value, place[:1], renamed(value[place[0]], place[1:], key))
    if isinstance(value, list):
        return value
    return {key if name == place[0] else name: child for name, child in value.items()}


def test_deep_cell_of_a_price_file_is_read_or_refused(run):
    sample = SAMPLES["skypilot"]

    for depth in (10, 90, 500, 1_900, 60_000):
        cell = "{'Gpus': " + "[" * depth + "]" * depth + "}"
        run(sample, sample.text.replace("{'Gpus': [{'Name': 'H100'}]}", cell).encode())


def test_deep_table_of_a_model_file_is_read_or_refused(run):
    sample = SAMPLES["models-dev-folder"]

    for depth in (10, 200, 500, 5_000):
        run(sample, sample.text.replace("0.3", "[" * depth + "]" * depth).encode())
        run(sample, sample.text.replace("cost]", f"cost{'.a' * depth}]", 1).encode())


@every_sample
def test_file_above_the_limit_is_not_read(run, tmp_path, sample):
    run(sample, b"")
    with (tmp_path / sample.file).open("r+b") as file:
        file.truncate(300_000_000)

    imported = run(sample, None)

    assert imported is None or imported.rejected_by_reason() == {"unreadable": 1}


@every_json_sample
@pytest.mark.parametrize("character", ["x", " ", "-", "9", "\\u0000", "\\ud800", "a/"])
def test_very_long_text_is_read_or_refused(run, sample, character):
    for place in places(sample.content):
        text = json.dumps(replaced(sample.content, place, "@"))
        run(sample, text.replace("@", character * 50_000).encode())


@pytest.mark.parametrize("character", ["x", " ", ",", '"', "{", "9", "[", "=", "#", "-"])
def test_very_long_line_is_read_or_refused(run, character):
    for sample in SAMPLES.values():
        for at in (0, len(sample.text) // 2, len(sample.text)):
            long = sample.text[:at] + character * 1_000_000 + sample.text[at:]
            run(sample, long.encode())


MANY, SOME, OFFERS = 30_000, 20_000, 2_500


def many_zones() -> tuple[str, Any]:
    header, line, *_ = SAMPLES["skypilot"].text.splitlines(keepends=True)
    return "skypilot", header + "".join(line.replace("-1a,", f"-{i},") for i in range(MANY))


def many_regions() -> tuple[str, Any]:
    header, line, *_ = SAMPLES["skypilot"].text.splitlines(keepends=True)
    return "skypilot", header + "".join(line.replace("-1,", f"-{i},") for i in range(OFFERS))


def many_unknown_accelerators() -> tuple[str, Any]:
    header, line, *_ = SAMPLES["skypilot"].text.splitlines(keepends=True)
    return "skypilot", header + "".join(line.replace("H100", f"X{i}", 1) for i in range(SOME))


def many_fields() -> tuple[str, Any]:
    fields = {f"field_{i}": [i] for i in range(SOME)}
    return "huggingface", SAMPLES["huggingface"].content | fields


def many_hosted_models() -> tuple[str, Any]:
    (provider,) = SAMPLES["genai-prices"].content
    models = [{"id": f"model-{i}", "prices": {"input_mtok": 1}} for i in range(MANY)]
    return "genai-prices", [provider | {"models": models}]


def many_prices_of_a_model() -> tuple[str, Any]:
    (provider,) = SAMPLES["genai-prices"].content
    (model,) = provider["models"]
    entries = [{"constraint": {"start_date": "2026-01-01"}, "prices": {}}] * SOME
    return "genai-prices", [provider | {"models": [model | {"prices": entries}]}]


def many_models_of_a_provider() -> tuple[str, Any]:
    model = SAMPLES["models-dev"].content["acme"]["models"]["mine"]
    return "models-dev", {"acme": {"models": {f"m{i}": model for i in range(OFFERS)}}}


def many_entries() -> tuple[str, Any]:
    entry = next(iter(SAMPLES["litellm"].content.values()))
    return "litellm", {f"acme/{i}/Qwen3-32B": entry for i in range(OFFERS)}


def many_unknown_entries() -> tuple[str, Any]:
    entry = {"litellm_provider": "acme", "mode": "chat"}
    return "litellm", {f"acme/unknown-{i}": entry for i in range(MANY)}


def many_tasks() -> tuple[str, Any]:
    results = {f"task_{i}": {"acc": 1} for i in range(SOME)}
    return "lm-eval", SAMPLES["lm-eval"].content | {"results": results}


def many_metrics() -> tuple[str, Any]:
    results = {"mmlu": {f"acc,{i}": 0.5 for i in range(SOME)}}
    return "lm-eval", SAMPLES["lm-eval"].content | {"results": results}


def many_groups() -> tuple[str, Any]:
    groups = {f"g{i}": [f"g{i + 1}", f"g{i + 2}"] for i in range(SOME)} | {"mmlu": ["g0"]}
    return "lm-eval", SAMPLES["lm-eval"].content | {"group_subtasks": groups}


@pytest.mark.parametrize(
    "source",
    [
        many_zones,
        many_regions,
        many_unknown_accelerators,
        many_fields,
        many_hosted_models,
        many_prices_of_a_model,
        many_models_of_a_provider,
        many_entries,
        many_unknown_entries,
        many_tasks,
        many_metrics,
        many_groups,
    ],
)
def test_very_many_parts_are_read(run, source):
    name, content = source()
    data = (content if isinstance(content, str) else json.dumps(content)).encode()

    assert run(SAMPLES[name], data) is not None

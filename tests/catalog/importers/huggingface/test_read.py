"""Files and folders of configs, and files that are none."""

import json

import pytest

from planner.catalog.importers.huggingface import read
from planner.catalog.importers.record import Settings
from planner.errors import InputError
from tests.catalog.importers.huggingface.configs import AS_OF, DENSE, MIXTURE


def test_replacing_a_row_of_the_catalogue_is_noted(import_config):
    imported = import_config(DENSE, id="known-model")

    assert any("replaces the row of the catalogue" in note for note in imported.notes)


def test_folder_of_folders_gives_a_row_for_each_and_keeps_the_rejections(tmp_path, catalog):
    for name, config in {"b": DENSE, "a": MIXTURE, "c": {}}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))

    imported = read(tmp_path, Settings(catalog, AS_OF))

    assert [m.id for m in imported.rows["models"]] == ["a", "b"]
    assert [r.reason for r in imported.rejected] == ["missing_field"]


@pytest.mark.parametrize("damaged", [b"", b"[1]", b'{"a": \xff}', b"[" * 200_000])
def test_damaged_config_of_a_folder_is_a_rejection_and_the_others_are_read(
    tmp_path, catalog, damaged
):
    for name, content in {"a": damaged, "b": json.dumps(DENSE).encode()}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_bytes(content)

    imported = read(tmp_path, Settings(catalog, AS_OF))

    assert [m.id for m in imported.rows["models"]] == ["b"]
    (rejected,) = imported.rejected
    assert (rejected.value, rejected.reason) == ("config.json", "unreadable")
    assert rejected.place.endswith("a/config.json")
    assert rejected.detail.startswith("is ")


def test_second_config_of_an_id_is_rejected(tmp_path, catalog):
    for name in ("acme--Model", "other--model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(DENSE))

    imported = read(tmp_path, Settings(catalog, AS_OF))

    assert [m.hf_repo for m in imported.rows["models"]] == ["acme/Model"]
    assert imported.rejected_by_reason() == {"repeated_id": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON: Expecting value"),
        (b"[1, 2]", "is JSON but not an object"),
        (b'{"a": \xff}', "is not UTF-8"),
        (b"[" * 200_000, "is not JSON"),
        (b'{"hidden_size": ' + b"9" * 5000 + b"}", "is not JSON"),
    ],
)
def test_file_that_is_no_config_is_an_error_with_its_name(tmp_path, catalog, content, message):
    path = tmp_path / "config.json"
    path.write_bytes(content)

    with pytest.raises(InputError, match=message) as caught:
        read(path, Settings(catalog, AS_OF))
    assert str(path) in str(caught.value)


def test_bad_json_is_reported_with_its_position(tmp_path, catalog):
    path = tmp_path / "config.json"
    path.write_text('{\n  "a": 1,\n  b\n}')

    with pytest.raises(InputError, match="is not JSON") as caught:
        read(path, Settings(catalog, AS_OF))
    assert (caught.value.faults[0].line, caught.value.faults[0].column) == (3, 3)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_source_without_a_config_is_an_error(tmp_path, catalog, name):
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match=r"cannot be read|has no config\.json"):
        read(tmp_path / name, Settings(catalog, AS_OF))

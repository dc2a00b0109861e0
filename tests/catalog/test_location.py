"""The shipped folders are found in a wheel and in a source tree."""

import pytest

from planner.catalog.location import shipped_path
from planner.catalog.schema import TABLES
from planner.errors import PlannerError


def test_a_wheel_carries_its_catalogues_inside_the_package(tmp_path):
    inside = tmp_path / "site-packages" / "planner" / "_data" / "catalogs"
    inside.mkdir(parents=True)

    assert shipped_path("catalogs", tmp_path / "site-packages" / "planner") == inside


def test_a_source_tree_keeps_its_catalogues_beside_the_package(tmp_path):
    beside = tmp_path / "repository" / "problems"
    beside.mkdir(parents=True)

    assert shipped_path("problems", tmp_path / "repository" / "planner") == beside


def test_the_copy_inside_the_package_goes_before_the_one_beside_it(tmp_path):
    inside = tmp_path / "planner" / "_data" / "catalogs"
    inside.mkdir(parents=True)
    (tmp_path / "catalogs").mkdir()

    assert shipped_path("catalogs", tmp_path / "planner") == inside


def test_an_incomplete_installation_says_where_it_looked(tmp_path):
    with pytest.raises(PlannerError, match=r"shipped catalogs are in neither .*_data.* nor "):
        shipped_path("catalogs", tmp_path / "planner")


def test_the_installed_package_has_every_table():
    folder = shipped_path("catalogs")

    assert [name for name in TABLES if not (folder / f"{name}.csv").is_file()] == []


def test_guide_and_attributions_travel_with_the_tables():
    folder = shipped_path("catalogs")

    assert (folder / "README.md").is_file()
    assert (folder / "NOTICE").is_file()

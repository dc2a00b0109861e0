"""A built wheel works in any folder: catalogues and sample problems travel inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def _run(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "planner", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_wheel_holds_catalogues_problems_and_notices(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert "planner/_data/catalogs/offers.csv" in names
    assert "planner/_data/problems/chatbot_1m.yaml" in names
    assert "planner/_data/problems/claims/chat_70b.yaml" in names
    assert "planner/_data/problems/published/melange_readme/offers.csv" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("NOTICE") for name in names)


def test_installed_wheel_solves_a_shipped_problem_from_an_empty_folder(site, tmp_path):
    done = _run(site, tmp_path, "solve", "published/melange_readme", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cost_usd"] / 730 == pytest.approx(4.68, abs=1e-9)
    assert list(tmp_path.iterdir()) == []


def test_installed_wheel_lists_its_own_catalogue(site, tmp_path):
    done = _run(
        site, tmp_path, "catalog", "show", "offers", "lambda:gpu_8x_b200_sxm6:any:on_demand"
    )

    assert done.returncode == 0, done.stderr
    assert "catalogs/offers.csv:" in done.stdout

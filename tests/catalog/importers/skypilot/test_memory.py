"""Lines whose memory is that of another form of their accelerator."""

from __future__ import annotations

import pytest

from planner.catalog.importers.record import Settings
from planner.catalog.importers.skypilot import read
from planner.catalog.importers.skypilot.info import GpuInfo, gpu_info
from tests.catalog.importers.skypilot.price_files import AS_OF, HEADER

PARTS = {
    "a100-sxm-40gb": ("SXM4", 40_960),
    "a100-sxm-80gb": ("SXM4", 81_920),
    "a100-pcie-80gb": ("PCIe", 81_920),
    "h100-sxm-80gb": ("SXM5", 81_559),
    "h100-nvl-94gb": ("PCIe", 95_830),
    "h200-sxm-141gb": ("SXM5", 143_771),
    "t4-16gb": ("PCIe", 15_360),
}
NAMES = {"A100": "a100-sxm-40gb", "A100-80GB": "a100-sxm-80gb", "H100": "h100-sxm-80gb"}
NAMES |= {"H200": "h200-sxm-141gb", "T4": "t4-16gb"}


@pytest.fixture(scope="module")
def parts(world, row):
    return world(
        accelerators=[
            row("accelerators", id=key, form_factor=form, memory_mib=memory)
            for key, (form, memory) in PARTS.items()
        ],
        aliases=[row("aliases", alias=a, accelerator=key) for a, key in NAMES.items()],
    )


@pytest.fixture
def imported(tmp_path, parts):
    """Return a function that imports one line, with the memory in its ``GpuInfo``."""

    def run(name, size, count=1, total=None, instance="x"):
        gpus = [{"Name": name, "Count": count, "MemoryInfo": {"SizeInMiB": size}}]
        cell = {"Gpus": gpus, "TotalGpuMemoryInMiB": size if total is None else total}
        path = tmp_path / "vms.csv"
        path.write_text(f'{HEADER}\n{instance},{name},{count},,,{3 * count},,us,,"{cell}"\n')
        return read(path, Settings(parts, AS_OF, {"cloud": "vast"}))

    return run


@pytest.mark.parametrize(
    ("name", "size", "count", "total", "part"),
    [
        ("A100", 40_960, 1, None, "a100-sxm-40gb"),
        ("A100", 40, 8, 320, "a100-sxm-40gb"),
        # Vast states the memory of all of them under both names.
        ("A100", 81_920, 2, 81_920, "a100-sxm-40gb"),
        ("H100", 652_472, 8, 652_472, "h100-sxm-80gb"),
        # Lambda states that of one under both.
        ("A100-80GB", 81_920, 8, 81_920, "a100-sxm-80gb"),
        ("H100", 80, 8, 640, "h100-sxm-80gb"),
        ("H200", 141, 8, 1128, "h200-sxm-141gb"),
        ("T4", 16_384, 1, None, "t4-16gb"),
        # No form has such a memory: the name is all there is.
        ("A100", 7, 1, None, "a100-sxm-40gb"),
        ("A100", 0, 1, None, "a100-sxm-40gb"),
    ],
)
def test_memory_that_may_be_that_of_the_name_changes_nothing(
    imported, name, size, count, total, part
):
    found = imported(name, size, count, total)

    assert [(o.accelerator, o.notes) for o in found.rows["offers"]] == [(part, "")]
    assert found.rejected == ()


@pytest.mark.parametrize(
    ("name", "size", "instance", "part"),
    [
        ("H100", 95_830, "x", "h100-nvl-94gb"),
        ("H100", 94, "x", "h100-nvl-94gb"),
        ("A100", 81_920, "1x-A100_SXM4-32", "a100-sxm-80gb"),
        ("A100", 80, "1x-A100_PCIE-32", "a100-pcie-80gb"),
    ],
)
def test_only_form_of_that_memory_is_taken_and_noted(imported, name, size, instance, part):
    found = imported(name, size, instance=instance)

    (offer,) = found.rows["offers"]
    assert offer.accelerator == part
    assert offer.notes == f"named {name}, with the memory of this accelerator"
    assert f"named {name} but taken as {part}, whose memory they state: 1 node" in found.notes


@pytest.mark.parametrize(
    ("name", "size", "count", "total", "fit"),
    [
        ("A100", 81_920, 1, None, "`a100-sxm-80gb`, `a100-pcie-80gb`"),
        # With a total that is a multiple, the size is that of one.
        ("A100", 80, 2, 160, "`a100-sxm-80gb`, `a100-pcie-80gb`"),
        # 96 GB is near an NVL of 94, and may be a part that the catalogue lacks.
        ("H100", 96, 1, None, "`h100-nvl-94gb`"),
    ],
)
def test_memory_of_another_form_is_ambiguous_with_what_fits(
    imported, name, size, count, total, fit
):
    found = imported(name, size, count, total)

    (rejected,) = found.rejected
    assert found.rows["offers"] == ()
    assert (rejected.value, rejected.reason) == (name, "ambiguous_accelerator")
    assert rejected.detail.endswith(f"may be that of {fit}; write the id as AcceleratorName")


def test_id_as_the_name_settles_it(imported):
    (offer,) = imported("a100-pcie-80gb", 81_920).rows["offers"]

    assert (offer.accelerator, offer.notes) == ("a100-pcie-80gb", "")


@pytest.mark.parametrize(
    ("info", "accelerators", "memories"),
    [
        (GpuInfo(size=80.0, total=160.0, gpus=2.0), "2", (80.0, 81_920.0)),
        (GpuInfo(size=160.0, total=160.0), "2", (160.0, 163_840.0, 80.0, 81_920.0)),
        (GpuInfo(size=80.0), "many", (80.0, 81_920.0)),
        (GpuInfo(), "2", ()),
        (GpuInfo(size=-1.0), "2", ()),
    ],
)
def test_figure_is_read_in_every_unit_and_for_one_or_all(info, accelerators, memories):
    found = info.memories_mib(accelerators)

    assert set(memories) <= set(found)
    assert len(found) == len(memories) * 3 // 2


@pytest.mark.parametrize(
    "cell", ["{'Gpus': [{'MemoryInfo': 3}]}", "{'Gpus': [{'MemoryInfo': {'SizeInMiB': '80'}}]}"]
)
def test_memory_that_is_no_number_is_none(cell):
    assert gpu_info(cell).size is None


def test_total_inside_the_accelerator_is_found():
    cell = "{'Gpus': [{'MemoryInfo': {'SizeInMiB': 80}, 'TotalGpuMemoryInMiB': 640}]}"

    assert (gpu_info(cell).size, gpu_info(cell).total) == (80, 640)

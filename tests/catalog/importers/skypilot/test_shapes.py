"""Accelerators, forms and slices by what a line calls them."""

import pytest

from planner.catalog.importers.record import Settings
from planner.catalog.importers.skypilot import read
from tests.catalog.importers.skypilot.price_files import AS_OF, HEADER


@pytest.mark.parametrize(("name", "chips"), [("tpu-v6e-8", 8), ("tpu-v6e-1", 1)])
def test_tpu_slice_has_the_chips_of_its_name(import_text, name, chips):
    imported = import_text(f",{name},1,,,{2.7 * chips},,us,a,{name}")

    assert [(o.instance, o.accelerator, o.accelerators) for o in imported.rows["offers"]] == [
        (name, "tpu-v6e", chips)
    ]


def test_tpu_generations_named_by_cores_have_half_as_many_chips(tmp_path, world, row):
    known = world(accelerators=[row("accelerators", id="tpu-v5p")])
    path = tmp_path / "vms.csv"
    path.write_text(f"{HEADER}\nTPU-VM,tpu-v5p-8,1,,,16.8,,us,a,tpu-v5p-8\n")

    imported = read(path, Settings(known, AS_OF, {"cloud": "gcp"}))

    assert [(o.instance, o.accelerators) for o in imported.rows["offers"]] == [("tpu-v5p-8", 4)]


@pytest.mark.parametrize(
    "info",
    [
        "{'Gpus': [{'Name': 'H100 PCIe', 'Count': 1, 'MemoryInfo': {'SizeInMiB': 80}}]}",
        '{"Gpus": [{"Name": "H100 PCIe", "MemoryInfo": {"SizeInMiB": 0}}]}',
        "NVIDIA H100 PCIe",
    ],
)
def test_product_name_tells_the_card_from_the_module(import_text, info):
    quoted = info.replace('"', '""')

    imported = import_text(f'1x,H100,1,,,2.4,,US,US-CA-1,"{quoted}"', cloud="runpod")

    assert [o.accelerator for o in imported.rows["offers"]] == ["h100-pcie"]


@pytest.mark.parametrize(
    "info",
    ["{'Gpus': [", "{'Gpus': []}", "{'Gpus': 3}", "{__import__('os').getcwd()}", "{" * 3000, "{}"],
)
def test_product_information_that_is_no_literal_is_ignored(import_text, info):
    imported = import_text(f'1x,H100,1,,,2.4,,US,US-CA-1,"{info}"', cloud="runpod")

    assert [o.accelerator for o in imported.rows["offers"]] == ["h100-sxm"]


def test_instance_name_tells_the_card_from_the_module(import_text):
    imported = import_text(
        "gpu_1x_h100_pcie,H100,1,,,3.29,,us,,", "gpu_1x_h100_nvlink,H100,1,,,3.99,,us,,"
    )

    assert {o.instance: o.accelerator for o in imported.rows["offers"]} == {
        "gpu_1x_h100_pcie": "h100-pcie",
        "gpu_1x_h100_nvlink": "h100-sxm",
    }


def test_card_that_the_catalogue_lacks_is_not_taken_for_the_module(import_text):
    imported = import_text("gpu_1x_h100_nvl,H100,1,,,3.29,,us,,")

    assert imported.rejected_by_reason() == {"unknown_accelerator": 1}


def test_unknown_accelerators_are_one_rejection_per_name_with_the_way_in(import_text):
    imported = import_text(
        "a,H10O,8,,,55,,us,a,", "b,H10O,8,,,55,,us,b,", "c,Gaudi HL-205,8,,,13,,us,a,"
    )

    assert [(r.value, r.detail.split()[0]) for r in imported.rejected] == [
        ("H10O", "2"),
        ("Gaudi HL-205", "1"),
    ]
    assert imported.rejected[0].detail.endswith(
        "add a row to accelerators.csv, or an alias to aliases.csv if it is another name of a "
        "part there"
    )


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("V100", "`v100-sxm`, `v100-pcie`"),
        ("V100-32GB", "`v100-sxm`, `v100-pcie`"),
        ("RTX4090-48GB", "`rtx-4090-24gb`"),
        ("H10", "another name of a part there"),
    ],
)
def test_hint_names_the_forms_of_that_generation_only(tmp_path, world, row, name, forms):
    ids = ("a100-sxm", "h100-sxm", "v100-sxm", "v100-pcie", "v100s-pcie", "rtx-4090-24gb")
    known = world(accelerators=[row("accelerators", id=key) for key in ids])
    path = tmp_path / "vms.csv"
    path.write_text(f"{HEADER}\nx,{name},1,,,2,,us,a,\n")

    (rejected,) = read(path, Settings(known, AS_OF, {"cloud": "gcp"})).rejected

    assert rejected.reason == "unknown_accelerator"
    assert rejected.detail.endswith(f"if it is {'one of ' if '`' in forms else ''}{forms}")


def test_alias_without_a_row_of_the_accelerator_is_unknown(import_text):
    imported = import_text("a,A100,8,,,22,,us,a,")

    assert imported.rejected_by_reason() == {"unknown_accelerator": 1}

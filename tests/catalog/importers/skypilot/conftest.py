"""A catalogue with a few accelerators, and price files imported with it."""

import pytest

from planner.catalog.importers.record import Settings
from planner.catalog.importers.skypilot import read
from tests.catalog.importers.skypilot.price_files import AS_OF, HEADER


@pytest.fixture(scope="module")
def catalog(world, row):
    accelerators = {"h100-sxm": "SXM5", "h100-pcie": "PCIe", "l4-24gb": "PCIe", "tpu-v6e": ""}
    aliases = {"H100": "h100-sxm", "H100-MEGA": "h100-sxm", "H100-PCIe": "h100-pcie"}
    return world(
        accelerators=[
            row("accelerators", id=key, form_factor=form) for key, form in accelerators.items()
        ],
        aliases=[
            row("aliases", alias=alias, accelerator=key)
            for alias, key in (aliases | {"L4": "l4-24gb", "A100": "a100-without-row"}).items()
        ],
    )


@pytest.fixture
def import_text(tmp_path, catalog):
    """Return a function that imports lines of a price file of a cloud."""

    def run(*lines, cloud="gcp", header=HEADER):
        folder = tmp_path / cloud
        folder.mkdir(exist_ok=True)
        path = folder / "vms.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return read(path, Settings(catalog, AS_OF))

    return run

"""Rented nodes from a price file of the SkyPilot catalogue (one ``vms.csv`` per cloud).

A line is one shape in one zone, with an on-demand price and a spot price in USD per hour. Columns
are read by name, because order and number differ between clouds and versions (v5 to v9)::

    InstanceType, AcceleratorName, AcceleratorCount, Region, Price    required
    SpotPrice, AvailabilityZone, GpuInfo                              optional

An offer is one shape in one region at one tenure, at the lowest price over the zones. Traps:

* Accelerators and their host may stand on separate lines: price_node = price_accelerators +
  price_host, within the zone.
* 700.0 and 0 stand for "no price". A spot price may stand without an on-demand price.
* A TPU slice counts as one accelerator; its name holds the number of cores or chips.
* ``GpuInfo`` is a Python literal, JSON or a bare name. Its product name tells a PCIe card from a
  module of the same short name.
* ``SizeInMiB`` is MiB (AWS, Lambda, Vast) or GB (RunPod, Shadeform), of one accelerator or, at
  Vast, of all. A name counts unless the figure fits it in no reading and fits another form of it
  in some: ``A100`` of 81920 is no 40 GB part. The only form that fits to 1 % is taken and noted,
  as ``H100`` of 95830 is an H100 NVL; else the line is rejected (``ambiguous_accelerator``).
* On-demand below spot in one zone: the cell holds the price of another tenure. Such a price, and
  the same price of the same accelerators elsewhere, is kept and flagged.

Sources: github.com/skypilot-org/skypilot-catalog; the shapes of accelerator hosts are those of
cloud.google.com/compute/docs/gpus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.importers.files import MOST_PLACE_CHARACTERS, shortened, text_of
from planner.catalog.importers.record import Imported
from planner.catalog.importers.skypilot.clouds import provider_of
from planner.catalog.importers.skypilot.lines import Rejections, read_lines
from planner.catalog.importers.skypilot.nodes import nodes_of
from planner.catalog.importers.skypilot.offers import offers_of

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.record import Settings

OPTIONS = {"cloud": "provider of the prices; by default the name of the file's folder"}
"""Keys of ``--option`` with their help."""
_FILE_NAME = "vms.csv"
_ACCEPTED = f"a {_FILE_NAME} of the SkyPilot catalogue, or the folder that holds it"


def read(source: Path, settings: Settings) -> Imported:
    """Return the offers of one price file.

    Parameters
    ----------
    source
        A ``vms.csv`` or the folder that holds it.
    settings
        Catalogue whose accelerators, aliases and providers are known, date, and `OPTIONS`.

    Raises
    ------
    InputError
        When the file is no readable UTF-8 CSV with the required columns, or it is not known
        whose prices it has.
    """
    path = source / _FILE_NAME if source.is_dir() else source
    rejections = Rejections(shortened(path, MOST_PLACE_CHARACTERS))
    lines, notes = read_lines(text_of(path, _ACCEPTED), rejections)
    provider, known = provider_of(path, settings)
    nodes = nodes_of(lines, settings.catalog, rejections)
    offers = offers_of(nodes, provider, settings.as_of, rejections)
    notes = [known, *notes, *offers.notes]
    return Imported({"offers": offers.rows}, rejections.in_order(), tuple(notes))

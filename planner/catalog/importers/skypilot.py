"""Rented nodes from a price file of the SkyPilot catalogue (one ``vms.csv`` per cloud).

A line is one shape in one zone, with an on-demand price and a spot price in USD per hour. Columns
are read by name, because order and number differ between clouds and versions (v5 to v9)::

    InstanceType, AcceleratorName, AcceleratorCount, Region, Price    required
    SpotPrice, AvailabilityZone, GpuInfo                              optional

An offer is one shape in one region at one tenure; its price is the lowest over the zones. What
the files hold that a plain reader gets wrong:

* A cloud may list accelerators and the host they sit in on separate lines. The price of a node
  is the sum, in the same zone::

      price_node = price_accelerators + price_host

* 700.0 and 0 stand for "no price". A spot price may stand without an on-demand price.
* A TPU slice counts as one accelerator; its name holds the chips.
* ``GpuInfo`` is a Python literal, JSON or a bare name. Its memory figures have mixed units and are
  never used; its product name tells a PCIe card from an SXM module of the same short name.
* On-demand below spot, in one zone: the on-demand cell then holds the price of another tenure.
  Such a price, and the same price elsewhere, is kept and flagged.

Sources: github.com/skypilot-org/skypilot-catalog; the fixed shapes of accelerator hosts are those
of cloud.google.com/compute/docs/gpus.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from planner.catalog.check import MAX_USD_PER_ACCELERATOR_HOUR, MIN_USD_PER_ACCELERATOR_HOUR
from planner.catalog.importers.record import Imported, Rejected
from planner.catalog.importers.skypilot_file import Line, PriceFile, read_price_file
from planner.catalog.schema import Offer
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from planner.catalog.importers.record import Settings
    from planner.catalog.load import Catalog

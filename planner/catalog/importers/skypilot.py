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
* ``GpuInfo`` is a Python literal, JSON or a bare name. Its memory figures have mixed units and are
  never used; its product name tells a PCIe card from a module of the same short name.
* On-demand below spot in one zone: the cell holds the price of another tenure. Such a price, and
  the same price of the same accelerators elsewhere, is kept and flagged.

Sources: github.com/skypilot-org/skypilot-catalog; the shapes of accelerator hosts are those of
cloud.google.com/compute/docs/gpus.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from planner.catalog.check import MAX_USD_PER_ACCELERATOR_HOUR, MIN_USD_PER_ACCELERATOR_HOUR
from planner.catalog.importers.record import Imported, Rejected
from planner.catalog.schema import Offer
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from planner.catalog.importers.record import Settings

REQUIRED = ("InstanceType", "AcceleratorName", "AcceleratorCount", "Region", "Price")
OPTIONAL = ("SpotPrice", "AvailabilityZone", "GpuInfo", "vCPUs", "MemoryGiB")
NO_PRICE_USD_PER_HOUR = 700.0
"""Marker for a price that is not known."""
MAX_ACCELERATORS = 4_096
"""Accelerators of a line above which the count is taken for an error."""
HOSTS = (
    ("a2-(?:highgpu|megagpu)", "a100"),
    ("a2-ultragpu", "a100-80gb"),
    ("a3-highgpu", "h100"),
    ("a3-megagpu", "h100-mega"),
    ("a3-ultragpu", "h200"),
    ("a4-highgpu", "b200"),
    ("g2-standard", "l4"),
)
"""Hosts that carry one kind of accelerator; a number of them, for L4 of vCPUs, ends the name."""
_L4_BY_VCPUS = {4: 1, 8: 1, 12: 1, 16: 1, 32: 1, 24: 2, 48: 4, 96: 8}

Tenure = Literal["on_demand", "spot"]
_OfferKey = tuple[str, str, Tenure]
_Leak = tuple[tuple[str, int], float]
"""Accelerators and their on-demand price, USD per hour, where it is below spot."""
_TENURES: tuple[tuple[Tenure, str], ...] = (("on_demand", "Price"), ("spot", "SpotPrice"))
_FILE_NAME = "vms.csv"
_SHOWN_CHARACTERS, _MAX_INFO_CHARACTERS = 60, 4_096
_DOUBTFUL = "doubtful price"
_PRICE_DIGITS = 6


class _Line(NamedTuple):
    number: int
    cells: dict[str, str]

    def get(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    def place(self) -> tuple[str, str]:
        return _key(self.get("Region")), self.get("AvailabilityZone")


@dataclass(frozen=True, slots=True)
class _Node:
    """One shape in one zone, with the prices it has."""

    line: int
    instance: str
    region: str
    zone: str
    accelerator: str
    accelerators: int
    prices: dict[Tenure, float]
    quoted: dict[Tenure, float] | None = None
    """Prices of the accelerators alone, when the host is priced apart."""

    @property
    def shape(self) -> tuple[str, int]:
        return self.accelerator, self.accelerators


def read(source: Path, settings: Settings) -> Imported:
    """Return the offers of one price file.

    Parameters
    ----------
    source
        A ``vms.csv`` or the folder that holds it.
    settings
        Catalogue whose accelerators and aliases are known, date, and option ``cloud`` (default:
        the name of the folder of the file).

    Raises
    ------
    InputError
        When the file is no readable UTF-8 CSV with the required columns, or the cloud no key.
    """
    path = source / _FILE_NAME if source.is_dir() else source
    cloud = settings.options.get("cloud") or path.resolve().parent.name
    if not cloud or _key(cloud) != cloud:
        message = f"`{cloud}` is no provider name; give the option cloud, such as cloud=aws"
        raise InputError([Fault(str(path), None, None, "cloud", message)])
    reader = _Reader(str(path), cloud.lower(), settings)
    reader.scan(_text(path))
    return reader.result()


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        message = f"cannot be read ({error.strerror}); give a {_FILE_NAME}"
        raise _unreadable(path, None, message) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, line, "is not UTF-8 here; save the file as UTF-8") from error


def _unreadable(path: Path | str, line: int | None, message: str) -> InputError:
    return InputError([Fault(str(path), line, None, "", message)])


def _key(text: str) -> str:
    """Return a name with everything a key may not hold replaced; empty when nothing is left."""
    return re.sub(r"[^A-Za-z0-9._:/+@-]+", "-", text).lstrip("._:/+@-").rstrip("-")


def _price_usd_per_hour(text: str) -> float | None:
    """Return a price, ``None`` for the ways to say that there is none, or raise ValueError."""
    price_usd_per_hour = float(text)
    if not 0 <= price_usd_per_hour < math.inf:
        raise ValueError(text)
    return None if price_usd_per_hour in {0, NO_PRICE_USD_PER_HOUR} else price_usd_per_hour


def _product_name(info: str) -> str:
    """Return the product name in a ``GpuInfo`` cell; the cell itself when it is a bare name."""
    if not info.startswith("{") or len(info) > _MAX_INFO_CHARACTERS:
        return info
    for parse in (json.loads, ast.literal_eval):
        try:
            return str(parse(info)["Gpus"][0].get("Name", ""))
        except (ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError):
            continue
        except (MemoryError, RecursionError):
            return ""
    return ""


def _slice(name: str) -> tuple[str, int] | None:
    """Return family and chips of a TPU slice, ``None`` for anything else."""
    found = re.fullmatch(r"(tpu-v[0-9]+[a-z]*)-([0-9]{1,5})", name.casefold())
    # The names of these generations count cores; a chip has two.
    cores = found and found[1] in {"tpu-v2", "tpu-v3", "tpu-v4", "tpu-v5p"}
    return (found[1], max(1, int(found[2]) // (2 if cores else 1))) if found else None


def _host_of(instance: str) -> tuple[str, int] | None:
    """Return the accelerator (folded) and the number that a host shape carries, if any."""
    for pattern, name in HOSTS:
        if found := re.fullmatch(pattern + r"-([0-9]{1,3})g?", instance):
            number = int(found[1])
            return name, (_L4_BY_VCPUS.get(number, 0) if name == "l4" else number)
    return None


_FORMS = {"pcie": "pcie", "nvl": "nvl(?!ink|72)"}
"""Form factors that share a short name with a module, and where their product names show it."""


class _Reader:
    """Collects nodes and rejections of one file."""

    def __init__(self, shown: str, cloud: str, settings: Settings) -> None:
        self.shown, self.cloud, self.settings = shown, cloud, settings
        self.rejected: list[tuple[int, Rejected]] = []
        self.notes: list[str] = []
        self.nodes: list[_Node] = []
        self.products: dict[str, str] = {}
        self.hosts: dict[tuple[str, str], list[_Line]] = {}
        self.used: set[int] = set()
        self.by_offer: dict[_OfferKey, list[_Node]] = {}

    def reject(self, line: int, value: str, reason: str, detail: str) -> None:
        shown = value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}..."
        self.rejected.append((line, Rejected(f"{self.shown}:{line}", shown, reason, detail)))

    def scan(self, text: str) -> None:
        lines = list(self.lines(text))
        bare = [line for line in lines if not line.get("AcceleratorName")]
        for line in bare:
            self.hosts.setdefault(line.place(), []).append(line)
        unknown: dict[str, list[_Line]] = {}
        for line in lines:
            name = line.get("AcceleratorName")
            if name and self.accelerator(line) is None:
                unknown.setdefault(name, []).append(line)
            elif name:
                self.add(line)
        self.reject_unknown(unknown)
        unused = [line for line in bare if line.number not in self.used]
        for first in unused[:1]:
            detail = f"{len(unused)} lines have no accelerator and host none"
            self.reject(first.number, first.get("InstanceType"), "no_accelerator", detail)

    def lines(self, text: str) -> Iterator[_Line]:
        rows = csv.reader(io.StringIO(text, newline=""))
        number = 0
        try:
            header = [name.strip() for name in next(rows, [])]
            self.check_header(header)
            number = rows.line_num
            for cells in rows:
                first, number = number + 1, rows.line_num
                if number > first or len(cells) not in {0, len(header)}:
                    detail = f"{len(cells)} cells to line {number}, the header has {len(header)}"
                    self.reject(first, ",".join(cells), "broken_line", detail)
                elif cells:
                    yield _Line(first, dict(zip(header, cells, strict=True)))
        except csv.Error as error:
            raise _unreadable(self.shown, number + 1, f"{error}; a quote is not closed") from error

    def check_header(self, header: list[str]) -> None:
        missing = [name for name in REQUIRED if header.count(name) != 1]
        if missing:
            message = f"the header has not exactly one of {', '.join(missing)}"
            raise _unreadable(self.shown, 1, f"{message}; it needs {', '.join(REQUIRED)}")
        extra = [name for name in header if name not in {*REQUIRED, *OPTIONAL}]
        if extra:
            self.notes.append(f"{len(extra)} columns were not read: {', '.join(extra)}")

    def accelerator(self, line: _Line) -> str | None:
        """Return the id of the accelerator of a line, ``None`` when the catalogue has none."""
        catalog, info = self.settings.catalog, line.get("GpuInfo")
        name = line.get("AcceleratorName")
        part = _slice(name)
        found = catalog.accelerator(name) or (part and catalog.accelerator(part[0]))
        if not found:
            return None
        if info not in self.products:
            self.products[info] = _product_name(info)
        described = f"{line.get('InstanceType')} {self.products[info]}".casefold()
        known_as = f"{found.form_factor} {found.id}".casefold()
        for form, pattern in _FORMS.items():
            if re.search(pattern, described) and form not in known_as:
                return catalog.resolve_accelerator(f"{name}-{form}")
        return found.id

    def reject_unknown(self, unknown: dict[str, list[_Line]]) -> None:
        catalog = self.settings.catalog
        names = [a.id for a in catalog.accelerators] + [a.alias for a in catalog.aliases]
        for name, lines in unknown.items():
            hint = f"add an alias{did_you_mean(name, names)}"
            detail = f"{len(lines)} lines; no accelerator of this name and form; {hint}"
            self.reject(lines[0].number, name, "unknown_accelerator", detail)

    def add(self, line: _Line) -> None:
        name, count, prices = line.get("AcceleratorName"), self.count(line), self.prices(line)
        if not line.place()[0]:
            self.reject(line.number, line.get("Region"), "no_region", "write a region")
        elif count is not None and prices:
            instance = _key(name if _slice(name) else line.get("InstanceType"))
            known_as = self.accelerator(line) or ""
            node = _Node(line.number, instance, *line.place(), known_as, count, prices)
            if instance:
                self.nodes.append(node)
            else:
                self.add_hosted(node, name)

    def count(self, line: _Line) -> int | None:
        text, part = line.get("AcceleratorCount"), _slice(line.get("AcceleratorName"))
        try:
            count = float(text)
        except ValueError:
            count = math.nan
        if not (1 <= count <= MAX_ACCELERATORS and count == int(count)):
            detail = f"accelerators of a node: a whole number, 1 to {MAX_ACCELERATORS}"
            self.reject(line.number, text, "bad_count", detail)
            return None
        return part[1] if part else int(count)

    def prices(self, line: _Line) -> dict[Tenure, float]:
        """Return the prices of a line by tenure, and reject what is none."""
        found: dict[Tenure, float] = {}
        for tenure, column in _TENURES:
            text = line.get(column)
            try:
                if text and (price_usd_per_hour := _price_usd_per_hour(text)) is not None:
                    found[tenure] = price_usd_per_hour
                elif text:
                    self.reject(line.number, text, "no_price", f"{column} marks a missing price")
            except ValueError:
                self.reject(line.number, text, "bad_price", f"{column}: USD per hour, a number")
        if not any(line.get(column) for _, column in _TENURES):
            self.reject(line.number, "", "no_price", "neither Price nor SpotPrice is given")
        return found

    def add_hosted(self, node: _Node, name: str) -> None:
        """Add one node for every host shape that carries these accelerators in this zone."""
        carried, shown = (name.casefold(), node.accelerators), f"{name} x{node.accelerators}"
        hosts = {h.get("InstanceType"): h for h in self.hosts.get((node.region, node.zone), ())}
        matched = [host for shape, host in hosts.items() if _host_of(shape) == carried]
        if not matched:
            detail = f"no line of a host in {node.zone or node.region}; a part is no offer"
            self.reject(node.line, shown, "no_host", detail)
        for host in matched:
            self.used.add(host.number)
            added = self.prices(host)
            prices = {t: price + added[t] for t, price in node.prices.items() if t in added}
            for tenure in sorted(node.prices.keys() - added.keys()):
                self.reject(node.line, shown, "no_price", f"no {tenure} price of its host")
            shape = _key(host.get("InstanceType"))
            self.nodes.append(replace(node, instance=shape, prices=prices, quoted=node.prices))

    def result(self) -> Imported:
        first: dict[str, _Node] = {}
        for node in self.nodes:
            if (known := first.setdefault(node.instance, node)).shape != node.shape:
                detail = f"line {known.line} has {known.shape}, this line {node.shape}"
                self.reject(node.line, node.instance, "contradiction", detail)
                continue
            for tenure in node.prices:
                self.by_offer.setdefault((node.instance, node.region, tenure), []).append(node)
        leaked = {
            (node.shape, quoted["on_demand"])
            for node in self.nodes
            if (quoted := node.quoted or {}).get("on_demand", math.inf) < quoted.get("spot", 0)
        }
        offers = [o for key in self.by_offer if (o := self.offer(key, leaked)) is not None]
        flagged = sum(_DOUBTFUL in offer.notes for offer in offers)
        spot_only = sum("on_demand" not in node.prices for node in self.nodes)
        self.notes.append(f"{len(offers)} offers of {len(self.nodes)} nodes in zones")
        self.notes.append(f"{flagged} offers have a {_DOUBTFUL}; {spot_only} nodes have spot only")
        rows = {"offers": tuple(sorted(offers, key=lambda offer: offer.key))}
        ordered = sorted(self.rejected, key=lambda pair: pair[0])
        return Imported(rows, tuple(rejection for _, rejection in ordered), tuple(self.notes))

    def offer(self, key: _OfferKey, leaked: set[_Leak]) -> Offer | None:
        instance, region, tenure = key
        cheapest = min(self.by_offer[key], key=lambda node: (node.prices[tenure], node.line))
        price_usd_per_hour = cheapest.prices[tenure]
        each = price_usd_per_hour / cheapest.accelerators
        if not MIN_USD_PER_ACCELERATOR_HOUR <= each <= MAX_USD_PER_ACCELERATOR_HOUR:
            detail = f"{each:g} USD per accelerator-hour is no plausible price"
            self.reject(cheapest.line, f"{':'.join(key)}", "implausible_price", detail)
            return None
        return Offer(
            provider=self.cloud,
            instance=instance,
            region=region,
            tenure=tenure,
            accelerator=cheapest.accelerator,
            accelerators=cheapest.accelerators,
            price_usd_per_hour=round(price_usd_per_hour, _PRICE_DIGITS),
            valid_from=self.settings.as_of,
            source=f"SkyPilot catalogue, {self.cloud}/{_FILE_NAME}",
            as_of=self.settings.as_of,
            notes="; ".join(self.remarks(key, cheapest, leaked)),
        )

    def remarks(self, key: _OfferKey, cheapest: _Node, leaked: set[_Leak]) -> Iterator[str]:
        instance, region, tenure = key
        if cheapest.quoted:
            yield "sum of accelerators and host"
        prices = {node.zone: node.prices[tenure] for node in self.by_offer[key]}
        if len(prices) > 1:
            low, high = cheapest.prices[tenure], max(prices.values())
            yield f"lowest of {len(prices)} zones, {low:g} to {high:g} USD/h"
        regular, spot = (
            min((n.prices[t] for n in self.by_offer.get((instance, region, t), ())), default=0)
            for t, _ in _TENURES
        )
        quoted = (cheapest.quoted or {}).get("on_demand", 0)
        if tenure == "on_demand" and (cheapest.shape, quoted) in leaked:
            yield f"{_DOUBTFUL}: below spot in some zone, so likely the price of another tenure"
        elif 0 < regular < spot:
            yield f"{_DOUBTFUL}: spot {spot:g} is above on-demand {regular:g} USD/h"

"""Nodes of a price file: one shape in one zone, with the prices it has."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from planner.catalog.importers.files import shortened
from planner.catalog.importers.skypilot.lines import key_of
from planner.catalog.importers.skypilot.parts import Part, Parts
from planner.catalog.importers.skypilot.shapes import carried_by, tpu_slice
from planner.errors import counted

if TYPE_CHECKING:
    from planner.catalog.importers.skypilot.lines import Line, Rejections
    from planner.catalog.load import Catalog

NO_PRICE_USD_PER_HOUR = 700.0
"""Marker for a price that is not known."""
MAX_ACCELERATORS = 4_096
"""Accelerators of a line above which the count is taken for an error."""

Tenure = Literal["on_demand", "spot"]
TENURES: tuple[tuple[Tenure, str], ...] = (("on_demand", "Price"), ("spot", "SpotPrice"))
"""Tenures and the column that has their price."""


@dataclass(frozen=True, slots=True)
class Node:
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
    named: str = ""
    """Name of the accelerator, when the memory beside it is what tells the part."""

    @property
    def shape(self) -> tuple[str, int]:
        """Accelerator and number of them."""
        return self.accelerator, self.accelerators


def nodes_of(lines: list[Line], catalog: Catalog, rejections: Rejections) -> list[Node]:
    """Return the nodes that the lines of a file describe.

    Parameters
    ----------
    lines
        Lines of the file.
    catalog
        Catalogue whose accelerators and aliases are known.
    rejections
        Rejections of the file, for lines that describe no node.
    """
    nodes = _Nodes(lines, rejections)
    parts = Parts(catalog)
    unclear: dict[tuple[str, Part], list[Line]] = {}
    for line in lines:
        name = line.get("AcceleratorName")
        part = parts.of(line) if name else None
        if part is not None and part.id is not None:
            nodes.add(line, part.id, part.named)
        elif part is not None:
            unclear.setdefault((name, part), []).append(line)
    for (name, part), named in unclear.items():
        reason, why = _unclear(name, part, parts)
        rejections.add(named[0].number, name, reason, f"{counted(len(named), 'line')}; {why}")
    nodes.reject_unused_hosts()
    return nodes.found


def _unclear(name: str, part: Part, parts: Parts) -> tuple[str, str]:
    """Return reason and detail of lines that do not say which accelerator they have."""
    if not part.several:
        return "unknown_accelerator", f"no accelerator of this name and form; {parts.hint(name)}"
    fit = ", ".join(f"`{key}`" for key in part.several)
    detail = (
        f"the memory they state is not that of the name, and may be that of {fit}; write the id "
        "as AcceleratorName"
    )
    return "ambiguous_accelerator", detail


class _Nodes:
    """Collects the nodes of a file, and the hosts that accelerators without a host can use."""

    def __init__(self, lines: list[Line], rejections: Rejections) -> None:
        self.rejections = rejections
        self.found: list[Node] = []
        self._bare = [line for line in lines if not line.get("AcceleratorName")]
        self._used: set[int] = set()
        self._hosts: dict[tuple[str, str], dict[str, Line]] = {}
        for line in self._bare:
            self._hosts.setdefault(line.place, {})[line.get("InstanceType")] = line

    def add(self, line: Line, accelerator: str, named: str) -> None:
        """Add the node of a line with a known accelerator, or one for each of its hosts."""
        name = line.get("AcceleratorName")
        count, prices = _count(line, self.rejections), _prices(line, self.rejections)
        region, zone = line.place
        if not region:
            self.rejections.add(line.number, line.get("Region"), "no_region", "write a region")
        elif count is not None and prices:
            instance = key_of(name if tpu_slice(name) else line.get("InstanceType"))
            node = Node(
                line.number, instance, region, zone, accelerator, count, prices, named=named
            )
            if instance:
                self.found.append(node)
            else:
                self._add_hosted(node, name)

    def _add_hosted(self, node: Node, name: str) -> None:
        """Add one node for every host shape that carries these accelerators in this zone."""
        wanted, shown = (name.casefold(), node.accelerators), f"{name} x{node.accelerators}"
        hosts = self._hosts.get((node.region, node.zone), {})
        matched = [host for shape, host in hosts.items() if carried_by(shape) == wanted]
        if not matched:
            detail = (
                f"no line of a host in {shortened(node.zone or node.region)}; a part is no offer"
            )
            self.rejections.add(node.line, shown, "no_host", detail)
        for host in matched:
            self._used.add(host.number)
            added = _prices(host, self.rejections)
            prices = {t: price + added[t] for t, price in node.prices.items() if t in added}
            for tenure in sorted(node.prices.keys() - added.keys()):
                detail = f"no {tenure} price of its host"
                self.rejections.add(node.line, shown, "no_price", detail)
            shape = key_of(host.get("InstanceType"))
            self.found.append(replace(node, instance=shape, prices=prices, quoted=node.prices))

    def reject_unused_hosts(self) -> None:
        """Reject the lines without an accelerator that host none, all at once."""
        unused = [line for line in self._bare if line.number not in self._used]
        if unused:
            detail = f"{counted(len(unused), 'line')} without an accelerator, which host none"
            first = unused[0]
            self.rejections.add(first.number, first.get("InstanceType"), "no_accelerator", detail)


def _count(line: Line, rejections: Rejections) -> int | None:
    """Return the accelerators of a line, and reject what is no number of them."""
    text, part = line.get("AcceleratorCount"), tpu_slice(line.get("AcceleratorName"))
    try:
        count = float(text)
    except ValueError:
        count = math.nan
    if not (1 <= count <= MAX_ACCELERATORS and count == int(count)):
        detail = f"accelerators of a node: a whole number, 1 to {MAX_ACCELERATORS}"
        rejections.add(line.number, text, "bad_count", detail)
        return None
    return part[1] if part else int(count)


def _prices(line: Line, rejections: Rejections) -> dict[Tenure, float]:
    """Return the prices of a line in USD per hour by tenure, and reject what is none."""
    found: dict[Tenure, float] = {}
    for tenure, column in TENURES:
        text = line.get(column)
        try:
            if text and (price_usd_per_hour := _price_usd_per_hour(text)) is not None:
                found[tenure] = price_usd_per_hour
            elif text:
                rejections.add(line.number, text, "no_price", f"{column} marks a missing price")
        except ValueError:
            detail = f"{column}: USD per hour, a number"
            rejections.add(line.number, text, "bad_price", detail)
    if not any(line.get(column) for _, column in TENURES):
        rejections.add(line.number, "", "no_price", "neither Price nor SpotPrice is given")
    return found


def _price_usd_per_hour(text: str) -> float | None:
    """Return a price, ``None`` for the ways to say that there is none, or raise ValueError."""
    price_usd_per_hour = float(text)
    if not 0 <= price_usd_per_hour < math.inf:
        raise ValueError(text)
    return None if price_usd_per_hour in {0, NO_PRICE_USD_PER_HOUR} else price_usd_per_hour

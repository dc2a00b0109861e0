"""The accelerator that a line means, by its name, its form and the memory it states."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.catalog.importers.skypilot.info import GpuInfo, gpu_info
from planner.catalog.importers.skypilot.shapes import tpu_slice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.importers.skypilot.lines import Line
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator

_FORMS = {"pcie": "pcie", "nvl": "nvl(?!ink|72)"}
"""Form factors that share a short name with a module, and where their product names show it."""
_SHOWN_FORMS = {**_FORMS, "sxm": "sxm"}
_FORM_AND_MEMORY = re.compile(r"(-(sxm[0-9]*|pcie|nvl[0-9]*|oam))?(-[0-9]+gb)?$")
"""End of an id, in which the forms of one accelerator differ."""
_NEAR, _SAME = 0.08, 0.01
"""Differences up to which two memories may be those of one part, and are.

Sellers print 16384 MiB of a T4, of which the driver shows 15360.
"""


class Part(NamedTuple):
    """The accelerator of a line.

    Parameters
    ----------
    id
        ``None`` when it is not known.
    named
        Name in the line, when that alone means another part; else empty.
    several
        Parts that it may be, when the line does not tell which.
    """

    id: str | None
    named: str = ""
    several: tuple[str, ...] = ()


class Parts:
    """Accelerators of the catalogue by what a line calls them.

    Parameters
    ----------
    catalog
        Catalogue with the accelerators and their aliases.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._forms: dict[str, list[Accelerator]] = defaultdict(list)
        for accelerator in catalog.accelerators:
            self._forms[_family(accelerator)].append(accelerator)
        self._infos: dict[str, GpuInfo] = {}

    def of(self, line: Line) -> Part:
        """Return the accelerator of a line."""
        name, cell = line.get("AcceleratorName"), line.get("GpuInfo")
        found = self._found(name)
        if found is None:
            return Part(None)
        if cell not in self._infos:
            self._infos[cell] = gpu_info(cell)
        info = self._infos[cell]
        described = f"{line.get('InstanceType')} {info.product}".casefold()
        chosen = self._of_form(name, found, described)
        memories = info.memories_mib(line.get("AcceleratorCount"))
        if not memories or (chosen and _distance(chosen, memories) <= _NEAR):
            return Part(chosen.id if chosen else None)
        other = self._by_memory(name, found, described, memories)
        return other or Part(chosen.id if chosen else None)

    def hint(self, name: str) -> str:
        """Return what to do about a name that stands for no accelerator."""
        words = re.findall(r"[a-z0-9]+", name.casefold())
        starts = ("".join(words[: end + 1]) for end in range(len(words)))
        forms = [f"`{part.id}`" for start in starts for part in self._forms.get(start, ())]
        part = f"one of {', '.join(forms)}" if forms else "another name of a part there"
        return f"add a row to accelerators.csv, or an alias to aliases.csv if it is {part}"

    def _found(self, name: str) -> Accelerator | None:
        part = tpu_slice(name)
        return self._catalog.accelerator(name) or (
            self._catalog.accelerator(part[0]) if part else None
        )

    def _of_form(self, name: str, found: Accelerator, described: str) -> Accelerator | None:
        """Return the part of the form that a line shows, ``None`` when no alias has it."""
        for form, pattern in _FORMS.items():
            if re.search(pattern, described) and form not in _known_as(found):
                return self._catalog.accelerator(f"{name}-{form}")
        return found

    def _by_memory(
        self, name: str, found: Accelerator, described: str, memories_mib: Sequence[float]
    ) -> Part | None:
        """Return the other form of a part that a line states the memory of, if there is one."""
        shown = [form for form, text in _SHOWN_FORMS.items() if re.search(text, described)]
        forms = [
            (_distance(part, memories_mib), part.id)
            for part in self._forms[_family(found)]
            if all(form in _known_as(part) for form in shown)
        ]
        near = [(distance, key) for distance, key in forms if distance <= _NEAR]
        if len(near) == 1 and near[0][0] <= _SAME:
            return Part(near[0][1], named=name)
        return Part(None, several=tuple(key for _, key in near)) if near else None


def _family(part: Accelerator) -> str:
    """Return an id without form and memory, and without what separates its words."""
    return re.sub(r"[^a-z0-9]+", "", _FORM_AND_MEMORY.sub("", part.id.casefold(), count=1))


def _known_as(part: Accelerator) -> str:
    return f"{part.form_factor} {part.id}".casefold()


def _distance(part: Accelerator, memories_mib: Sequence[float]) -> float:
    """Return the least relative difference between the memory of a part and those stated."""
    return min(abs(stated / part.memory_mib - 1.0) for stated in memories_mib)

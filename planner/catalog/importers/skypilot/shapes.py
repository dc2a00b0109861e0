"""What names in a price file say: the accelerator, its form, and how many a host carries."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING

from planner.errors import did_you_mean

if TYPE_CHECKING:
    from planner.catalog.importers.skypilot.lines import Line
    from planner.catalog.load import Catalog

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
_FORMS = {"pcie": "pcie", "nvl": "nvl(?!ink|72)"}
"""Form factors that share a short name with a module, and where their product names show it."""
_MAX_INFO_CHARACTERS = 4_096


class Accelerators:
    """Accelerators of the catalogue by what a line calls them.

    Parameters
    ----------
    catalog
        Catalogue with the accelerators and their aliases.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._names = [a.id for a in catalog.accelerators] + [a.alias for a in catalog.aliases]
        self._products: dict[str, str] = {}

    def of(self, line: Line) -> str | None:
        """Return the id of the accelerator of a line, ``None`` when the catalogue has none."""
        name, info = line.get("AcceleratorName"), line.get("GpuInfo")
        part = tpu_slice(name)
        found = self._catalog.accelerator(name) or (part and self._catalog.accelerator(part[0]))
        if not found:
            return None
        if info not in self._products:
            self._products[info] = _product_name(info)
        described = f"{line.get('InstanceType')} {self._products[info]}".casefold()
        known_as = f"{found.form_factor} {found.id}".casefold()
        for form, pattern in _FORMS.items():
            if re.search(pattern, described) and form not in known_as:
                return self._catalog.resolve_accelerator(f"{name}-{form}")
        return found.id

    def hint(self, name: str) -> str:
        """Return what to do about a name that stands for no accelerator."""
        return f"add an alias{did_you_mean(name, self._names)}"


def tpu_slice(name: str) -> tuple[str, int] | None:
    """Return family and chips of a TPU slice, ``None`` for anything else."""
    found = re.fullmatch(r"(tpu-v[0-9]+[a-z]*)-([0-9]{1,5})", name.casefold())
    # The names of these generations count cores; a chip has two.
    cores = found and found[1] in {"tpu-v2", "tpu-v3", "tpu-v4", "tpu-v5p"}
    return (found[1], max(1, int(found[2]) // (2 if cores else 1))) if found else None


def carried_by(instance: str) -> tuple[str, int] | None:
    """Return the accelerator (folded) and the number that a host shape carries, if any."""
    for pattern, name in HOSTS:
        if found := re.fullmatch(pattern + r"-([0-9]{1,3})g?", instance):
            number = int(found[1])
            return name, (_L4_BY_VCPUS.get(number, 0) if name == "l4" else number)
    return None


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

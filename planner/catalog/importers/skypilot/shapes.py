"""What names in a price file count: the chips of a slice, and the accelerators of a host."""

from __future__ import annotations

import re

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

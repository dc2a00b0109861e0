"""What a reader of traffic returns, and how it becomes files.

A workload becomes two files: a YAML mapping that is an item of ``workloads`` of a problem, and a
table of ``lengths`` beside it with the joint histogram that the mapping refers to.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.catalog.importers.record import table_text
from planner.yaml_io import yaml_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from planner.catalog.importers.record import Rejected
    from planner.catalog.schema import LengthCell
    from planner.demand.records import FloatArray

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_SUFFIX = re.compile(r"(\.(csv|jsonl?|gz|ya?ml))+$", re.IGNORECASE)
_NAMELESS = "imported"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a reader needs besides its source.

    Parameters
    ----------
    name
        Name of the workload and of its histogram: letters, digits, ``.``, ``_`` and ``-``.
    as_of
        Date of the traffic (YYYY, YYYY-MM or YYYY-MM-DD), for sources whose times count from an
        unknown start. A source with calendar times states its own date.
    """

    name: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests in the order of their arrival.

    Parameters
    ----------
    time_s
        Arrival times, shape (n,), ascending, s.
    isl_tokens, osl_tokens
        Lengths of each request, shape (n,), >= 1.
    hit_tokens
        Prompt tokens found in the prefix cache, shape (n,), 0 to the prompt length; ``None`` when
        the source does not say.
    is_calendar
        Whether times count from 1970-01-01 UTC, so that hours of the day are known.
    """

    time_s: FloatArray
    isl_tokens: FloatArray
    osl_tokens: FloatArray
    hit_tokens: FloatArray | None
    is_calendar: bool


@dataclass(frozen=True, slots=True)
class ImportedWorkload:
    """A workload as a problem states it, and everything that was not used.

    Parameters
    ----------
    workload
        Item of ``workloads``, without the reference to the histogram.
    cells
        Joint histogram of lengths; empty when the source has no lengths of single requests.
    requests
        Requests the figures rest on.
    rejected
        Rows that were not used, in source order.
    notes
        What was assumed or cannot be known from the source.
    """

    workload: Mapping[str, Any]
    cells: tuple[LengthCell, ...]
    requests: float
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()

    def rejected_by_reason(self) -> dict[str, int]:
        """Return the number of rejections by reason, most frequent first."""
        return dict(Counter(r.reason for r in self.rejected).most_common())


def workload_name(source: Path) -> str:
    """Return a name for the workload of a source: its file name without what names forbid."""
    stem = _SUFFIX.sub("", source.name)
    return _NOT_IN_A_NAME.sub("-", stem).strip("._-") or _NAMELESS


def record_files(imported: ImportedWorkload, file: Path) -> dict[Path, str]:
    """Return the files of a workload, by path, the histogram first.

    Parameters
    ----------
    imported
        What a reader returned.
    file
        YAML file of the workload; the histogram lies beside it under the same stem.
    """
    workload = dict(imported.workload)
    files = {}
    if imported.cells:
        beside = file.with_name(f"{file.stem}_lengths.csv")
        files[beside] = table_text("lengths", imported.cells)
        reference = {"ref": beside.name, "name": imported.cells[0].lengths}
        workload["lengths"] = {**reference, **workload.get("lengths", {})}
    comments = "".join(f"# {note}\n" for note in imported.notes)
    files[file] = comments + yaml_text(workload)
    return files

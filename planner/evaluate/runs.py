"""One measured configuration: what ran on what, and under which load.

Rows of these kinds test nothing that the model claims and are dropped, by rules fixed in advance:

``suspect``       notes mark the figure as impossible (SUSPECT)
``pipeline``      pipeline parallelism above 1, of any instance
``gpus``          more than 8 accelerators in the measured instance, or in one of those that share
                  the work of a disaggregated run
``overloaded``    TTFT > 50 TPOT OSL: the time is queueing before the measurement
``blank_lengths`` prompt or output length not stated
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Literal

from planner.evaluate.measurements import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.evaluate.measurements import MeasuredRow

LoadKind = Literal["closed", "open", "max_load", "static", "none"]
MAX_GPUS = 8
OVERLOADED_TTFT = 50.0
"""Largest TTFT in units of the whole decode, TPOT times OSL."""
UNIT_SIDES = ("prefill", "decode")
"""Instances of a disaggregated run, as the notes call them."""
DROP_RULES = ("suspect", "pipeline", "gpus", "overloaded", "blank_lengths")
_PAIR = re.compile(r"([a-z_]+)\s*=\s*([^\s;,]+)")
_RATES = ("qps", "request_rate", "rate_rps")
_OFFLINE = frozenset({"client_concurrency", "max_batch"})
_STAGES = re.compile(r"pipeline|\bpp\s*=\s*[2-9]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """How requests arrive.

    Parameters
    ----------
    kind
        ``closed``: a fixed number of clients; ``open``: a rate; ``max_load``: all at once and as
        many as fit; ``static``: one batch; ``none``: not stated in a form that is compared.
    amount
        Clients, requests/s, most requests in a step (``None``: the engine's limit), or requests.
    """

    kind: LoadKind
    amount: float | None = None


def load_of(cell: str) -> Load:
    """Return the load that a cell of ``concurrency_or_rate`` states."""
    text = cell.lower()
    pairs = dict(_PAIR.findall(text))
    if "concurrency" in pairs:
        return Load("closed", number(pairs["concurrency"]))
    rate = next((pairs[name] for name in _RATES if name in pairs), "")
    if rate and not rate.startswith("inf"):
        return Load("open", number(rate))
    offline = pairs.get("scenario") == "offline" or bool(_OFFLINE & pairs.keys())
    if rate or offline or text.startswith("max_load"):
        return Load("max_load", number(pairs.get("max_batch", "")))
    if "batch" in pairs:
        return Load("static", number(pairs["batch"]))
    return Load("none")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A configuration that was measured.

    Parameters
    ----------
    row
        One of its rows; all of them agree but for metric and value.
    load
        How requests arrived.
    isl_tokens, osl_tokens
        Prompt and output tokens, ``None`` when blank.
    gpus, tensor_parallel
        Accelerators of the instance and degree of tensor parallelism, ``None`` when blank.
    notes
        The ``key=value`` pairs of the notes, keys in lower case.
    """

    row: MeasuredRow
    load: Load
    isl_tokens: float | None
    osl_tokens: float | None
    gpus: int | None
    tensor_parallel: int | None
    notes: Mapping[str, str]

    @property
    def is_disaggregated(self) -> bool:
        """Whether prompts and decodes ran on separate replicas."""
        return self.notes.get("mode", "").startswith("disagg")

    def dropped_by(self, ttft_ms: float | None, tpot_ms: float | None) -> str | None:
        """Return the rule by which the configuration is dropped, ``None`` when it counts.

        Parameters
        ----------
        ttft_ms, tpot_ms
            Typical figures of the configuration, where measured.
        """
        if "SUSPECT" in self.row.scenario_notes:
            return "suspect"
        if self._has_stages():
            return "pipeline"
        if any(gpus > MAX_GPUS for gpus in self._instance_gpus()):
            return "gpus"
        if self.isl_tokens is None or self.osl_tokens is None:
            return "blank_lengths"
        if ttft_ms is not None and tpot_ms is not None:
            most_ms = OVERLOADED_TTFT * tpot_ms * self.osl_tokens
            return "overloaded" if ttft_ms > most_ms else None
        return None

    def side(self, name: str, key: str) -> int | None:
        """Return a whole number that the notes state of the instances on one side of a unit.

        Parameters
        ----------
        name
            ``prefill`` or ``decode``.
        key
            Such as ``tp_size``.
        """
        return whole(self.notes.get(f"{name}_{key}", ""))

    def _instance_gpus(self) -> list[int]:
        stated = [] if self.gpus is None else [self.gpus]
        if not self.is_disaggregated:
            return stated
        degrees = ("tp_size", "attention_dp_size")
        return stated + [prod(self.side(name, key) or 1 for key in degrees) for name in UNIT_SIDES]

    def _has_stages(self) -> bool:
        if any((self.side(name, "pp_size") or 1) > 1 for name in UNIT_SIDES):
            return True
        stages = whole(self.row.pp)
        if stages is not None:
            return stages > 1
        several = self.gpus is not None and self.gpus > 1
        return several and _STAGES.search(self.row.scenario_notes) is not None


def run_of(row: MeasuredRow) -> Run:
    """Return the configuration of a row.

    A disaggregated run whose load is blank has as many clients as its decode instances hold
    requests: batch of a rank times ranks times instances, all from the notes.
    """
    tensor_parallel, gpus = whole(row.tp), whole(row.n_gpus)
    run = Run(
        row=row,
        load=load_of(row.concurrency_or_rate),
        isl_tokens=number(row.isl),
        osl_tokens=number(row.osl),
        gpus=gpus if gpus is not None else _product(tensor_parallel, whole(row.pp)),
        tensor_parallel=tensor_parallel,
        notes={key.strip().lower(): value.strip() for key, value in _pairs(row.scenario_notes)},
    )
    held = [run.side("decode", key) for key in ("batch_size", "attention_dp_size", "num_workers")]
    if not run.is_disaggregated or row.concurrency_or_rate or None in held:
        return run
    return replace(run, load=Load("closed", float(prod(part or 1 for part in held))))


def whole(cell: str) -> int | None:
    """Return the positive whole number in a cell, ``None`` when there is none."""
    value = number(cell)
    return int(value) if value is not None and value.is_integer() else None


def _product(tensor_parallel: int | None, stages: int | None) -> int | None:
    return None if tensor_parallel is None else tensor_parallel * (stages or 1)


def _pairs(notes: str) -> list[tuple[str, str]]:
    parts = (part.partition("=") for part in notes.split(";"))
    return [(key, value) for key, equals, value in parts if equals]

"""Mooncake traces: JSON lines with ``timestamp`` (ms), lengths and ``hash_ids``.

A hash names one block of 512 prompt tokens together with all blocks before it, so the leading
blocks seen earlier are what a prefix cache holds::

    hit_tokens = min(512 x leading known blocks, input_length)

The workload gets the hit rate as a curve over the size of the cache, by replaying the trace
through caches that start empty and drop the least recently used block. One cache sees all
requests here. Replicas that a router keeps sessions on have as much each for fewer sessions, so
they find at least as much. Source: kvcache-ai/Mooncake, FAST'25 traces.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from planner.demand.importers.assemble import Rows, workload_of
from planner.demand.importers.lines import Rejections, UnusableError, number, read_lines, tokens
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from planner.demand.importers.record import ImportedWorkload, Settings

BLOCK_TOKENS = 512
_CAPACITIES_TOKENS = (
    50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
)  # fmt: skip
_DECIMALS = 4
_MOST = 1 - 10**-_DECIMALS
_KEYS = "`timestamp`, `input_length`, `output_length`"


def read(source: Path, settings: Settings) -> ImportedWorkload:
    """Return the workload of a Mooncake trace.

    Parameters
    ----------
    source
        JSON lines, plain or compressed by gzip.
    settings
        Name and date.

    Raises
    ------
    InputError
        When the file cannot be read or no line can be used.
    """
    rejections = Rejections(source.name)
    rows = Rows(rejections)
    prompts: list[tuple[float, float, list[int]]] = []
    has_blocks = True
    for line, text in read_lines(source):
        try:
            record = _record(text)
            time_s = number(_scalar(record, "timestamp"), "timestamp") / MS_PER_S
            isl = tokens(_scalar(record, "input_length"), "input_length")
            osl = tokens(_scalar(record, "output_length"), "output_length")
            blocks = _blocks(record)
            rows.add(line, time_s, isl, osl, None)
        except UnusableError as error:
            rejections.add(line, error)
            continue
        has_blocks = has_blocks and blocks is not None
        prompts.append((time_s, isl, blocks or []))
    if not has_blocks:
        note = "not every line has hash_ids: the prefix-hit rate is unknown"
        return workload_of(rows, settings, (note,))
    by_time = [(isl, blocks) for _, isl, blocks in sorted(prompts, key=lambda p: p[0])]
    unlimited = _hit_rate(by_time, None)
    notes = (
        f"a cache without limit would find {unlimited:.1%} of the prompt tokens",
        "prefix_cache.curve: sizes below its first point are read on a straight line from zero",
    )
    return workload_of(rows, settings, notes, prefix_cache={"curve": _curve(by_time)})


def _curve(by_time: Sequence[tuple[float, list[int]]]) -> list[list[float]]:
    """Return size and hit rate of the caches that find more than all smaller ones."""
    curve = [[float(_CAPACITIES_TOKENS[0]), _rounded(by_time, _CAPACITIES_TOKENS[0])]]
    for capacity in _CAPACITIES_TOKENS[1:]:
        rate = _rounded(by_time, capacity)
        if rate > curve[-1][1]:
            curve.append([float(capacity), rate])
    return curve


def _rounded(by_time: Sequence[tuple[float, list[int]]], capacity: float) -> float:
    """Return a hit rate in few digits, below 1 as the first prompt is never known."""
    return float(min(round(_hit_rate(by_time, capacity), _DECIMALS), _MOST))


def _hit_rate(by_time: Sequence[tuple[float, list[int]]], capacity: float | None) -> float:
    total = sum(isl for isl, _ in by_time)
    return sum(lru_hit_tokens(by_time, capacity)) / total if total else 0.0


def lru_hit_tokens(
    prompts: Sequence[tuple[float, Sequence[int]]], capacity_tokens: float | None
) -> list[float]:
    """Return the prompt tokens each request finds in a cache that starts empty.

    Parameters
    ----------
    prompts
        Prompt length in tokens and block hashes of each request, by time.
    capacity_tokens
        Size of the cache, which drops the least recently used block; ``None`` for no limit.
    """
    capacity = None if capacity_tokens is None else int(capacity_tokens // BLOCK_TOKENS)
    cache: OrderedDict[int, None] = OrderedDict()
    hits = []
    for isl_tokens, blocks in prompts:
        known = 0
        for block in blocks:
            if block not in cache:
                break
            known += 1
        hits.append(min(float(known * BLOCK_TOKENS), isl_tokens))
        # Last block first: a block is of no use without those before it, so they are kept longer.
        for block in reversed(blocks):
            cache[block] = None
            cache.move_to_end(block)
        while capacity is not None and len(cache) > capacity:
            cache.popitem(last=False)
    return hits


def _record(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        detail = f"not a JSON object; one with {_KEYS} is accepted"
        raise UnusableError(value=text, reason="not_json", detail=detail) from error
    if not isinstance(record, dict):
        raise UnusableError(
            value=text, reason="not_an_object", detail=f"not a JSON object with {_KEYS}"
        )
    return record


def _scalar(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    if value is None:
        raise UnusableError(value="", reason="missing", detail=f"{key} is missing")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnusableError(
            value=type(value).__name__, reason="not_a_number", detail=f"{key} is not a number"
        )
    try:
        return str(value)
    except ValueError as error:
        raise UnusableError(
            value="", reason="absurd", detail=f"{key} has thousands of digits"
        ) from error


def _blocks(record: dict[str, Any]) -> list[int] | None:
    blocks = record.get("hash_ids")
    if blocks is None:
        return None
    if not isinstance(blocks, list) or not all(type(b) is int for b in blocks):
        detail = "hash_ids is not a list of whole numbers"
        raise UnusableError(value=str(blocks)[:100], reason="bad_hashes", detail=detail)
    return blocks

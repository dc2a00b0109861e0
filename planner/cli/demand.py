"""``planner demand``: workloads from real traffic."""

from __future__ import annotations

import datetime as dt
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import AsJson, print_json
from planner.cli.written import write_files
from planner.errors import Fault, InputError, counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.demand.importers.record import ImportedWorkload

app = typer.Typer(help="Workloads from real traffic.", no_args_is_help=True)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHOWN = 20
"""Rejected rows listed on stderr; all of them are in --json."""


@app.callback()
def _demand() -> None:
    """Workloads from real traffic."""


@app.command("import")
def import_traffic(
    traffic_format: Annotated[
        str, typer.Argument(metavar="FORMAT", help="azure, mooncake, prometheus or csv.")
    ],
    source: Annotated[Path, typer.Argument(metavar="SRC", help="File, plain or gzip.")],
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="YAML file to write.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the workload.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="Date of a source without calendar times."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace FILE and its histogram.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a workload, ready for `workloads` of a problem, and its length histogram beside it.

    What the formats read:

    azure: columns TIMESTAMP, ContextTokens, GeneratedTokens.

    mooncake: JSON lines with timestamp, input_length, output_length, hash_ids.

    prometheus: a range query of vllm:request_success_total (needed);
    vllm:prompt_tokens_total and vllm:generation_tokens_total, or
    vllm:request_prompt_tokens_sum, vllm:request_prompt_tokens_count,
    vllm:request_generation_tokens_sum and vllm:request_generation_tokens_count, for means;
    vllm:request_prompt_tokens_bucket and vllm:request_generation_tokens_bucket for percentiles;
    vllm:prefix_cache_hits_total and vllm:prefix_cache_queries_total.

    csv: columns timestamp_s or timestamp, input_tokens, output_tokens, prefix_hit_tokens.
    """
    from planner.demand.importers import read_format  # noqa: PLC0415 - builds all models
    from planner.demand.importers.record import (  # noqa: PLC0415
        Settings,
        record_files,
        workload_name,
    )

    chosen = _checked_name(name or workload_name(source))
    imported = read_format(traffic_format, source, Settings(chosen, _date(as_of, source)))
    if out.is_dir():
        raise InputError([Fault(str(out), None, None, "", "is a folder; name a file for -o")])
    files = record_files(imported, out)
    _check_targets(files, source)
    write_files(files, force)
    names = [str(path) for path in files]
    if as_json:
        print_json(_as_data(imported, names))
        return
    _write(imported, names)


def _checked_name(name: str) -> str:
    if _NAME.fullmatch(name):
        return name
    message = f"`{name}` is no name; letters, digits, `.`, `_` and `-` are accepted"
    raise InputError([Fault("--name", None, None, "", message)])


def _check_targets(files: Iterable[Path], source: Path) -> None:
    for path in files:
        if path.is_dir():
            raise InputError([Fault(str(path), None, None, "", "is a folder; name a file for -o")])
        if path.exists() and path.samefile(source):
            message = "is the source, which is never overwritten; name another file for -o"
            raise InputError([Fault(str(path), None, None, "", message)])


def _date(as_of: str | None, source: Path) -> str:
    from planner.catalog.dates import parse_partial_date  # noqa: PLC0415

    if as_of is None:
        changed_s = source.stat().st_mtime if source.exists() else 0.0
        return dt.datetime.fromtimestamp(changed_s, dt.UTC).date().isoformat()
    try:
        parse_partial_date(as_of)
    except ValueError as error:
        raise InputError([Fault("--as-of", None, None, "", str(error))]) from error
    return as_of


def _as_data(imported: ImportedWorkload, files: list[str]) -> dict[str, object]:
    return {
        "files": files,
        "workload": dict(imported.workload),
        "requests": imported.requests,
        "rejected": [
            {"place": r.place, "value": r.value, "reason": r.reason, "detail": r.detail}
            for r in imported.rejected
        ],
        "notes": list(imported.notes),
    }


def _write(imported: ImportedWorkload, files: list[str]) -> None:
    rejected = imported.rejected
    for row in rejected[:_SHOWN]:
        sys.stderr.write(f"rejected {row.place}: `{row.value}` ({row.reason}): {row.detail}\n")
    if len(rejected) > _SHOWN:
        sys.stderr.write(f"and {len(rejected) - _SHOWN:,} more; --json lists them all\n")
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in imported.rejected_by_reason().items())
    sys.stdout.write(
        f"{imported.requests:,.0f} requests used, {counted(len(rejected), 'row')} rejected"
        f"{f': {reasons}' if reasons else ''}\n"
    )
    for note in imported.notes:
        sys.stdout.write(f"note: {note}\n")
    sys.stdout.write(f"written: {', '.join(files)}\n")
    sys.stdout.write(
        "Next: put the mapping into `workloads` of a problem in the same folder, and add slo and "
        "quality\n"
    )

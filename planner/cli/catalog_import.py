"""``planner catalog import``: rows of our tables from a format others use, as an overlay folder.

Results of benchmarks become ``measurements.csv``, which is no table of the catalogue: it is what
``planner validate`` compares the performance model with.

The tables are written whole or not at all, and a table that is already in the folder with another
content is kept unless ``--force`` is given. Figures that state no date get the date of the source
file: the day somebody fetched it.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.context import (
    AsJson,
    CatalogFolders,
    changed_on,
    day_of,
    print_json,
    printable,
    settings_of,
)
from planner.cli.written import write_files
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.catalog.importers.record import Imported, Rejected

Format = Annotated[
    str,
    typer.Argument(
        metavar="FORMAT",
        help="skypilot, huggingface, genai-prices, models-dev, litellm, lm-eval, vllm, guidellm "
        "or aiperf.",
    ),
]
FormatOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="KEY=VALUE", help="Option of the format, see above; repeatable."
    ),
]
_EXAMPLES = 3
"""Rejections that are shown of each reason; --json has all."""


def import_source(
    context: typer.Context,
    form: Format,
    source: Annotated[Path, typer.Argument(metavar="SRC", help="File or folder to read.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Overlay folder to write.")
    ],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="Day the figures hold; else the file's."),
    ] = None,
    option: FormatOptions = None,
    force: Annotated[bool, typer.Option("--force", help="Replace tables in DIR.")] = False,
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """Read prices, models, scores or measurements in another format into an overlay folder.

    Keys that --option takes, by format:

    skypilot: cloud.

    huggingface: id, repo.

    lm-eval: model, quantization, evaluator.

    vllm, guidellm, aiperf: hardware, model, tensor_parallel, accelerators, pipeline_parallel,
    engine, engine_version, quantization, kv, isl, osl, batch, source.

    The other formats take none. A key that a format does not take is answered with what its keys
    mean.
    """
    from planner.catalog.importers import read_format  # noqa: PLC0415 - builds all models
    from planner.catalog.importers.record import (  # noqa: PLC0415
        MEASUREMENTS,
        Settings,
        overlay_files,
    )
    from planner.catalog.load import load_catalog  # noqa: PLC0415

    date, dated = _date(as_of, source)
    loaded = load_catalog(settings_of(context, catalog).overlays)
    imported = read_format(form, source, Settings(loaded, date, _options(option or ())))
    files = overlay_files(imported, output)
    if files:
        write_files(files, force, output)
    measured = any(path.stem == MEASUREMENTS for path in files)
    notes = (*(dated if imported.undated and files else ()), *imported.notes)
    if as_json:
        print_json(_machine_form(form, source, date, files, imported, notes))
    else:
        _write(imported, files, notes)
    if not files:
        raise InputError([Fault(printable(source), None, None, form, _nothing(imported))])
    if not as_json:
        then = "validate --data" if measured else "catalog check --catalog"
        sys.stdout.write(f"Next: planner {then} {printable(output)}\n")


def _date(as_of: str | None, source: Path) -> tuple[str, tuple[str, ...]]:
    """Return the date of the figures, and a note when nobody stated it."""
    if as_of is not None:
        day_of("--as-of", as_of)
        return as_of, ()
    changed = changed_on(source)
    of = "today" if changed is None else "the date of the source file"
    date = (changed or datetime.datetime.now(tz=datetime.UTC).date()).isoformat()
    return date, (f"undated figures are taken to hold on {date}, {of}; --as-of says otherwise",)


def _options(stated: Sequence[str]) -> dict[str, str]:
    wrong = [text for text in stated if not text.partition("=")[0] or "=" not in text]
    if wrong:
        faults = [
            Fault("", None, None, "--option", f"`{printable(t)}` is not KEY=VALUE") for t in wrong
        ]
        raise InputError(faults)
    return {key: value for key, _, value in (text.partition("=") for text in stated)}


def _nothing(imported: Imported) -> str:
    reasons = ", ".join(f"{n} {reason}" for reason, n in imported.rejected_by_reason().items())
    return f"nothing could be imported and nothing was written; rejected: {reasons or 'nothing'}"


def _machine_form(
    form: str,
    source: Path,
    date: str,
    files: Mapping[Path, str],
    imported: Imported,
    notes: Sequence[str],
) -> dict[str, Any]:
    return {
        "format": form,
        "source": printable(source),
        "as_of": date,
        "files": [printable(path) for path in files],
        "rows": {table: len(rows) for table, rows in imported.rows.items() if rows},
        "rejected_by_reason": imported.rejected_by_reason(),
        "rejected": [
            {"place": r.place, "value": r.value, "reason": r.reason, "detail": r.detail}
            for r in imported.rejected
        ],
        "notes": list(notes),
    }


def _write(imported: Imported, files: Mapping[Path, str], notes: Sequence[str]) -> None:
    for path in files:
        count = len(imported.rows[path.stem])
        sys.stdout.write(f"{count:,} row{'s' if count != 1 else ''} in {printable(path)}\n")
    by_reason: dict[str, list[Rejected]] = {}
    for rejected in imported.rejected:
        by_reason.setdefault(rejected.reason, []).append(rejected)
    total = len(imported.rejected)
    sys.stdout.write(f"{total:,} rejected{':' if total else ''}\n")
    for reason, count in imported.rejected_by_reason().items():
        sys.stdout.write(f"  {count:,} x {reason}\n")
        for one in by_reason[reason][:_EXAMPLES]:
            sys.stdout.write(
                f"      {printable(one.place)}: `{printable(one.value)}` {one.detail}\n"
            )
    for note in notes:
        sys.stdout.write(f"note: {note}\n")

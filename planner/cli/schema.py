"""``planner schema``: JSON Schema for editors."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from planner.cli.context import print_json
from planner.errors import Fault, InputError, did_you_mean

_KINDS = ("problem", "catalog")


def schema(
    kind: Annotated[str, typer.Argument(metavar="problem|catalog", help="What to describe.")],
) -> None:
    """Print the JSON Schema of problem files or of catalogue rows."""
    if kind == "problem":
        from planner.problem.schema import Problem  # noqa: PLC0415 - builds all models

        print_json(Problem.model_json_schema())
        return
    if kind == "catalog":
        print_json(_catalog_schema())
        return
    message = f"`{kind}` has no schema; use problem or catalog{did_you_mean(kind, _KINDS)}"
    raise InputError([Fault("schema", None, None, "", message)])


def _catalog_schema() -> dict[str, Any]:
    from planner.catalog.schema import TABLES  # noqa: PLC0415 - builds all models

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Catalogue tables",
        "type": "object",
        "properties": {
            table: {"type": "array", "items": model.model_json_schema()}
            for table, model in TABLES.items()
        },
    }

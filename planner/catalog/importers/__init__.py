"""Readers of formats others use; each returns rows of our tables and what it could not use.

A reader takes a path and returns an :class:`~planner.catalog.importers.record.Imported`. Nothing
is dropped silently: what does not become a row is a rejection with its place, value and reason.
The result is written as an overlay folder, whole or not at all, and reading the same source
again gives the same bytes.

A format has a module of its name, or a package whose ``read`` it is; beside it stands ``OPTIONS``,
the keys of ``--option`` that it reads. Readers share ``files`` (text and JSON of a source),
``names`` (our models by the names of others), ``token_prices`` with ``offer_rows`` (prices of
tokens and the rows of them), and ``record`` (what an importer returns).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from planner.catalog.importers.options import check_options
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from planner.catalog.importers.record import Imported, Settings

FORMATS = {
    "skypilot": "planner.catalog.importers.skypilot",
    "huggingface": "planner.catalog.importers.huggingface",
    "genai-prices": "planner.catalog.importers.genai_prices",
    "models-dev": "planner.catalog.importers.models_dev",
    "litellm": "planner.catalog.importers.litellm",
    "lm-eval": "planner.catalog.importers.lm_eval",
    "vllm": "planner.catalog.importers.benchmarks.vllm",
    "guidellm": "planner.catalog.importers.benchmarks.guidellm",
    "aiperf": "planner.catalog.importers.benchmarks.aiperf",
}
"""Name of a format to the module whose ``read`` and ``OPTIONS`` are its."""


def read_format(name: str, source: Path, settings: Settings) -> Imported:
    """Return what a source holds, read as a named format.

    Parameters
    ----------
    name
        Key of `FORMATS`.
    source
        File or folder.
    settings
        Catalogue to resolve names with, date, and options of the format.

    Raises
    ------
    InputError
        When the format or an option is unknown, the source cannot be read at all, or an optional
        package that the format needs is missing.
    """
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        message = f"no format `{name}`; formats: {known}{did_you_mean(name, FORMATS)}"
        raise InputError([Fault("import", None, None, "", message)])
    module = import_module(FORMATS[name])
    check_options(name, settings.options, module.OPTIONS)
    read: Callable[[Path, Settings], Imported] = module.read
    return read(source, settings)

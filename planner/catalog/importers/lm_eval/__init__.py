"""Quality scores from lm-evaluation-harness result files.

A result file is JSON: ``results.{task}.{metric},{filter}`` (older versions: ``{metric}``),
``n-samples.{task}.effective``, ``n-shot``, ``group_subtasks``, ``date`` in seconds, and the model
in ``model_name`` or ``config.model_args``. `TASKS` says which benchmark a task is and which of
its metrics counts, the first that is present; every other task or metric is rejected. The
number format is ``--option quantization=ID`` or a suffix of the model's name, never a guess from
a dtype. ``model=ID`` names the model, ``evaluator=NAME`` who ran it.

The evaluator of a row is ``NAME/task/shots-shot``: the prompt and the number of examples move a
score by more than a number format does, so scores of two set-ups never enter one ratio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.importers.files import REPEATED_KEY, json_of, unreadable
from planner.catalog.importers.lm_eval.scores import Scores

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.record import Imported, Settings

OPTIONS = {
    "model": "id of the model that was scored; by default from its name in the file",
    "quantization": "id of its number format; by default from the end of its name",
    "evaluator": "who ran it; by default lm-eval",
}
"""Keys of ``--option`` with their help."""
_ACCEPTED = "a results JSON of lm-evaluation-harness, or a folder of results*.json"


def read(source: Path, settings: Settings) -> Imported:
    """Return the quality scores of one result file or of a folder of them.

    Parameters
    ----------
    source
        Result file, or a folder with ``results*.json`` at any depth.
    settings
        Catalogue, date of files that state none, and options ``quantization``, ``model`` and
        ``evaluator``.

    Raises
    ------
    InputError
        When a file cannot be read, or a folder has none.
    """
    files = sorted(source.rglob("results*.json")) if source.is_dir() else [source]
    if not files:
        raise unreadable(source, "has no results*.json", _ACCEPTED)
    scores = Scores(settings)
    for path in files:
        place = path.name if path == source else path.relative_to(source).as_posix()
        run, repeated = json_of(path, _ACCEPTED)
        for key in repeated:
            scores.reject(place, key, *REPEATED_KEY)
        scores.add_run(place, run)
    return scores.imported()

"""Scores of the runs that were read, and what gave none."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from planner.catalog.importers.files import MOST_PLACE_CHARACTERS, number, shortened
from planner.catalog.importers.lm_eval.run import day, model_name, part, questions, subtasks
from planner.catalog.importers.lm_eval.tasks import TASKS
from planner.catalog.importers.names import Match, ModelNames
from planner.catalog.importers.record import Imported, Rejected
from planner.catalog.messages import sentence
from planner.catalog.schema import QualityScore

if TYPE_CHECKING:
    from planner.catalog.importers.record import Settings


class Scores:
    """Collects scores and rejections in source order.

    Parameters
    ----------
    settings
        Catalogue, date of runs that state none, and options of the format.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.names = ModelNames(settings.catalog)
        self._rows: dict[tuple[str, ...], list[tuple[str, QualityScore]]] = defaultdict(list)
        self._rejected: list[Rejected] = []
        self._undated: set[tuple[str, ...]] = set()

    def reject(self, place: str, value: object, reason: str, detail: str) -> None:
        """Record one thing that did not become a row."""
        where = shortened(place, MOST_PLACE_CHARACTERS)
        self._rejected.append(Rejected(where, shortened(value), reason, detail))

    def add_run(self, place: str, run: object) -> None:
        """Record the scores of one run.

        Parameters
        ----------
        place
            Name of its file.
        run
            Content of the file.
        """
        results = part(run, "results")
        if not isinstance(run, dict) or not results:
            self.reject(place, "results", "no_results", "the file has no object `results`")
            return
        match = self._model(place, run)
        if match is None:
            return
        parts = {name for group in part(run, "group_subtasks") for name in subtasks(run, group)}
        for task, metrics in results.items():
            where = f"{place}:results.{task}"
            if task in TASKS and isinstance(metrics, dict):
                self._task(where, run, task, metrics, match)
            elif task in parts:
                self.reject(where, task, "subtask", "a part of a group; its group counts")
            else:
                self.reject(where, task, "unknown_task", f"tasks are {', '.join(TASKS)}")

    def _model(self, place: str, run: dict[str, Any]) -> Match | None:
        options = self.settings.options
        name = options.get("model") or model_name(run)
        match = self.names.match("", name)
        if match.model is None:
            detail = f"`{shortened(name)}` {match.why}; say --option model=ID"
            self.reject(place, name, "unknown_model", detail)
            return None
        quantization = options.get("quantization") or match.quantization
        if quantization is None or self.settings.catalog.quantization(quantization) is None:
            ids = ", ".join(q.id for q in self.settings.catalog.quantizations)
            detail = f"say --option quantization=ID, one of {ids}"
            self.reject(place, quantization or name, "unknown_quantization", detail)
            return None
        return Match(match.model, quantization)

    def _task(
        self, where: str, run: dict[str, Any], task: str, metrics: dict[str, Any], match: Match
    ) -> None:
        benchmark, wanted = TASKS[task]
        names = [key for key in metrics if "_stderr" not in key]
        keys = [k for want in wanted for k in names if want in {k, k.split(",")[0]}]
        chosen = keys[0] if keys else None
        for key in names:
            if key not in {chosen, "sample_len"} and number(metrics[key]) is not None:
                detail = f"the score of {benchmark} is read from {' or '.join(wanted)}"
                self.reject(where, key, "other_metric", detail)
        score = number(metrics.get(chosen)) if chosen else None
        if chosen is None or score is None:
            self.reject(where, metrics.get(chosen or ""), "no_score", f"no number in {wanted[0]}")
            return
        shots = number(part(run, "n-shot").get(task))
        version = shortened(run.get("lm_eval_version") or "of unknown version")
        name = shortened(self.settings.options.get("evaluator") or "lm-eval")
        asked, of = questions(run, task, metrics)
        date = day(run.get("date"))
        values = {
            "model": match.model,
            "quantization": match.quantization,
            "benchmark": benchmark,
            "score": score,
            "evaluator": f"{name}/{task}" + ("" if shots is None else f"/{shots:g}-shot"),
            "setting": shortened(chosen).strip(),
            "questions": asked,
            "source": f"lm-evaluation-harness {version}, results of {shortened(model_name(run))}",
            "as_of": date or self.settings.as_of,
            "notes": f"the first {asked} of {of} questions" if of else "",
        }
        try:
            row = QualityScore.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            self.reject(where, first["input"], "invalid", shortened(sentence(first)))
            return
        self._rows[row.key].append((where, row))
        if date is None:
            self._undated.add(row.key)

    def imported(self) -> Imported:
        """Return everything collected; of runs of one set-up that disagree none is taken."""
        kept = []
        for rows in self._rows.values():
            same = all(row == rows[0][1] for _, row in rows)
            kept += [rows[0][1]] if same else []
            for where, row in rows[1:] if same else rows:
                reason = "duplicate" if same else "contradiction"
                detail = "several runs of one set-up: keep one, or say --option evaluator=NAME"
                self.reject(where, row.score, reason, detail)
        notes = ("scores compare only under one evaluator: name/task/shots",) if kept else ()
        undated = any(row.key in self._undated for row in kept)
        return Imported({"quality": tuple(kept)}, tuple(self._rejected), notes, undated)

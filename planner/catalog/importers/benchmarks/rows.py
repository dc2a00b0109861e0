"""Measured rows of runs, and what gave none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from planner.catalog.importers.benchmarks.checks import contradiction, notes_of, too_few
from planner.catalog.importers.benchmarks.setup import engine_name, setup_of
from planner.catalog.importers.benchmarks.values import METRICS, figure, text
from planner.catalog.importers.files import MOST_PLACE_CHARACTERS, shortened
from planner.catalog.importers.names import Match, ModelNames
from planner.catalog.importers.record import Imported, Rejected
from planner.catalog.messages import sentence
from planner.catalog.schema.measurements import Measurement
from planner.errors import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.catalog.importers.benchmarks.run import Run
    from planner.catalog.importers.record import Settings

_REFERENCE = frozenset({"source", "source_ref", "scenario_notes"})


class MeasuredRows:
    """Collects measured rows and rejections in source order.

    Parameters
    ----------
    settings
        Catalogue to resolve names with, and the options of ``setup``.

    Raises
    ------
    InputError
        When an option cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.catalog = settings.catalog
        self.setup = setup_of(settings)
        self._names = ModelNames(settings.catalog)
        self._rows: list[Measurement] = []
        self._rejected: list[Rejected] = []
        self._seen: dict[frozenset[tuple[str, object]], str] = {}
        self._keys: set[tuple[str, ...]] = set()
        self._blank: set[str] = set()

    def reject(self, place: str, value: object, reason: str, detail: str) -> None:
        """Record one thing that did not become a row."""
        where = shortened(place, MOST_PLACE_CHARACTERS)
        self._rejected.append(Rejected(where, shortened(value), reason, detail))

    def add(self, run: Run) -> None:
        """Record the rows of a run, or why it has none."""
        gpu = self.setup.gpu or self.catalog.resolve_accelerator(run.hardware) or ""
        match = self._model(run)
        if match is None:
            return
        if not gpu:
            detail = "the file does not say on what; say --option hardware=ID"
            self.reject(run.place, run.hardware, "no_hardware", detail)
            return
        why = too_few(run.requests)
        figures = {} if why else self._figures(run)
        why = why or contradiction(run, figures)
        if why:
            self.reject(run.place, *why)
        elif not figures:
            self.reject(run.place, "", "no_figures", "the run has no figure that is read")
        else:
            self._emit(run, figures, self._facts(run, gpu, match))

    def _model(self, run: Run) -> Match | None:
        said, stated = self.setup.model, text(run.model)
        asked = self._names.match("", said) if said else Match(None)
        found = self._names.match("", stated) if stated else Match(None)
        if said and asked.model and found.model and asked.model != found.model:
            detail = f"the file is about `{found.model}`, --option model says `{asked.model}`"
            self.reject(run.place, stated, "contradiction", detail)
            return None
        name = (said or stated).rsplit("/", 1)[-1].strip().casefold()
        if not name:
            detail = "the file names no model; say --option model=ID"
            self.reject(run.place, run.model, "no_model", detail)
            return None
        return Match(asked.model or found.model or shortened(name), found.quantization)

    def _figures(self, run: Run) -> dict[str, float]:
        """Return the figures of a run above 0, and report those that are stated and are none."""
        figures: dict[str, float] = {}
        zero: list[str] = []
        for metric in METRICS:
            stated = run.figures.get(metric)
            value = figure(stated)
            if value is not None and value > 0:
                figures[metric] = value
            elif value == 0:
                zero.append(metric)
            elif stated is not None:
                detail = f"{metric} is a number above 0"
                self.reject(run.place, stated, "not_a_number", detail)
        if zero:
            # Tools write 0 for what they could not measure, as latencies without streaming.
            detail = f"nothing was measured, or no request met its goals: {', '.join(zero)}"
            self.reject(run.place, f"{counted(len(zero), 'figure')} of 0", "zero", detail)
        return figures

    def _facts(self, run: Run, gpu: str, match: Match) -> dict[str, Any]:
        setup = self.setup
        model = self.catalog.model(match.model or "")
        tool = shortened(run.tool)
        return {
            "source": f"{setup.source}, {tool}" if setup.source else f"own run, {tool}",
            "source_ref": shortened(run.place, MOST_PLACE_CHARACTERS),
            "engine": setup.engine or engine_name(run.engine, self.catalog),
            "engine_version": setup.engine_version,
            "model": match.model,
            "params_b": model.params_published_b if model else None,
            "gpu": gpu,
            "n_gpus": setup.n_gpus,
            "tp": setup.tp,
            "pp": setup.pp,
            "weight_precision": setup.weight_precision or match.quantization or "",
            "kv_precision": setup.kv_precision,
            "isl": run.isl_tokens or setup.isl,
            "osl": run.osl_tokens or setup.osl,
            "concurrency_or_rate": run.load.text(),
        }

    def _emit(self, run: Run, figures: Mapping[str, float], facts: dict[str, Any]) -> None:
        # A copy of a run has the same figures to the last digit, which a second run never has.
        stated = {**figures, **{k: v for k, v in facts.items() if k not in _REFERENCE}}
        first = self._seen.setdefault(frozenset(stated.items()), run.place)
        if first != run.place:
            detail = f"holds the same figures as {shortened(first)}"
            self.reject(run.place, run.place, "duplicate", detail)
            return
        facts = {**facts, "scenario_notes": notes_of(run, figures)}
        try:
            rows = [
                Measurement.model_validate({**facts, "metric": metric, "value": figures[metric]})
                for metric in METRICS
                if metric in figures
            ]
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            detail = f"{'.'.join(map(str, wrong['loc']))}: {shortened(sentence(wrong))}"
            self.reject(run.place, wrong["input"], "invalid", detail)
            return
        # Names are shown cut and printable, and two may look alike then.
        keys = {row.key for row in rows}
        if keys & self._keys:
            self.reject(run.place, run.place, "duplicate", "another file looks the same by name")
            return
        self._keys |= keys
        self._rows += rows
        self._blank |= {name for name in _WANTED if facts[name] in {None, ""}}

    def imported(self) -> Imported:
        """Return everything collected."""
        notes = [
            f"{name} is blank: say --option {option}"
            for name, option in _WANTED.items()
            if name in self._blank
        ]
        rows = tuple(self._rows)
        return Imported({"measurements": rows}, tuple(self._rejected), tuple(notes), undated=False)


_WANTED = {
    "n_gpus": "tensor_parallel=N",
    "engine": "engine=NAME",
    "weight_precision": "quantization=ID",
    "isl": "isl=N",
    "osl": "osl=N",
}
"""Columns without which a row is of little use, and the option that fills each."""

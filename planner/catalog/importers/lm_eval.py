"""Quality scores from lm-evaluation-harness result files, and names of models elsewhere.

A result file is JSON: ``results.{task}.{metric},{filter}`` (older versions: ``{metric}``),
``n-samples.{task}.effective``, ``n-shot``, ``group_subtasks``, ``date`` in seconds, and the model
in ``model_name`` or ``config.model_args``. `TASKS` says which benchmark a task is and which of
its metrics counts, the first that is present; every other task or metric is rejected. The
number format is ``--option quantization=ID`` or a suffix of the model's name, never a guess from
a dtype. ``model=ID`` names the model, ``evaluator=NAME`` who ran it.

The evaluator of a row is ``NAME/task/shots-shot``: the prompt and the number of examples move a
score by more than a number format does, so scores of two set-ups never enter one ratio.

**Model names.** A name stands for one of our models when

1. the catalogue already has an API offer of that provider under that very name, or
2. its folded form equals the folded id or repository name of exactly one model; hosted models
   with closed weights have only an id.

Folding takes the part after the last ``/`` in lower case, without a leading ``vendor.`` or
``meta-`` and a trailing revision ``-v1:0``; ``llama-v3p1`` reads ``llama-3.1``; separators between
digits become a point and all others vanish. A trailing id of a number format (``-fp8``) is the
format. Nothing else is taken off: ``-turbo`` or a missing ``-instruct`` may be another model, and
a wrong figure is worse than a missing one.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from planner.catalog.importers.record import Imported, Rejected
from planner.catalog.messages import sentence
from planner.catalog.schema import QualityScore
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.record import Settings
    from planner.catalog.load import Catalog

MOST_BYTES = 256 * 1024 * 1024
MOST_PLACE = 300
"""Characters of a place or source that are shown."""

_NAME = re.compile(r"[A-Za-z0-9 ._:/@+-]+")
_FOLDS = (
    (re.compile(r"^(?:[a-z]+\.)+"), ""),
    (re.compile(r"^meta-(?=llama)"), ""),
    (re.compile(r"-v?[0-9]+:[0-9]+$"), ""),
    (re.compile(r"(?<=llama-)v(?=[0-9])"), ""),
    (re.compile(r"(?<=[0-9])p(?=[0-9])"), "."),
    (re.compile(r"(?<=[0-9])[^a-z0-9]+(?=[0-9])"), "."),
    (re.compile(r"(?<![0-9])[^a-z0-9]+|[^a-z0-9]+(?![0-9])"), ""),
)

_ACC, _EXACT = ("acc",), ("exact_match",)
_GSM = ("exact_match,strict-match", "exact_match,flexible-extract", "exact_match", "acc")
TASKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "aime24": ("aime_2024", _EXACT),
    "aime25": ("aime_2025", _EXACT),
    "arc_challenge": ("arc_c", ("acc_norm",)),
    "bbh_cot_fewshot": ("bbh", ("exact_match,get-answer",)),
    "ceval-valid": ("c_eval", _ACC),
    "gpqa_diamond_cot_zeroshot": ("gpqa_diamond", ("exact_match,flexible-extract",)),
    "gpqa_diamond_zeroshot": ("gpqa_diamond", _ACC),
    "gpqa_main_zeroshot": ("gpqa", _ACC),
    "gsm8k": ("gsm8k", _GSM),
    "gsm8k_cot": ("gsm8k", _GSM),
    "gsm8k_cot_llama": ("gsm8k", _GSM),
    "gsm8k_platinum": ("gsm8k_platinum", _GSM),
    "hellaswag": ("hellaswag", ("acc_norm",)),
    "hendrycks_math": ("math", _EXACT),
    "hendrycks_math500": ("math_500", _EXACT),
    "humaneval": ("humaneval", ("pass@1",)),
    "humaneval_instruct": ("humaneval", ("pass@1",)),
    "ifeval": ("ifeval", ("prompt_level_strict_acc",)),
    "leaderboard_ifeval": ("ifeval", ("prompt_level_strict_acc",)),
    "leaderboard_mmlu_pro": ("mmlu_pro", _ACC),
    "minerva_math": ("math", ("math_verify", "exact_match")),
    "minerva_math500": ("math_500", ("math_verify", "exact_match")),
    "mmlu": ("mmlu", _ACC),
    "mmlu_pro": ("mmlu_pro", ("exact_match,custom-extract",)),
    "mmlu_redux": ("mmlu_redux", _EXACT),
    "truthfulqa_mc2": ("truthfulqa", _ACC),
    "winogrande": ("winogrande", _ACC),
}
"""Task to our benchmark and the metrics that count; a metric without filter takes any filter."""

ACCEPTED = "a results JSON of lm-evaluation-harness, or a folder of results*.json"


@dataclass(frozen=True, slots=True)
class Match:
    """What a name stands for: a model, the format the name states, or why there is no model."""

    model: str | None
    quantization: str | None = None
    why: str = ""


class ModelNames:
    """Our models by the names others give them; the rule is in the module's text.

    Parameters
    ----------
    catalog
        Catalogue with the models, formats and known API offers.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._formats = {q.id.casefold(): q.id for q in catalog.quantizations}
        self._known: dict[tuple[str, str], set[tuple[str, str | None]]] = defaultdict(set)
        for offer in catalog.api_offers:
            known = (offer.model, offer.quantization)
            self._known[offer.provider, offer.model_ref].add(known)
        self.closed = {o.model for o in catalog.api_offers if o.weights == "closed"}
        self._folded: dict[str, set[str]] = defaultdict(set)
        for hosted in self.closed:
            self._folded[_fold(hosted)].add(hosted)
        for model in catalog.models:
            for name in filter(None, (model.id, model.hf_repo)):
                self._folded[_fold(name)].add(model.id)

    def match(self, provider: str, *names: str) -> Match:
        """Return what the first known one of `names` stands for at `provider`."""
        for name in names:
            known = self._known.get((provider, name), set())
            models = {model for model, _ in known}
            if len(models) == 1:
                return Match(models.pop(), next(iter(known))[1] if len(known) == 1 else None)
            for stem, quantization in self._spellings(name):
                found = self._folded.get(_fold(stem), set())
                if len(found) == 1:
                    return Match(next(iter(found)), quantization)
                if found:
                    several = " and ".join(f"`{model}`" for model in sorted(found))
                    return Match(None, None, f"stands for {several}")
        return Match(None, None, "is not a model of the catalogue under any known name")

    def _spellings(self, name: str) -> list[tuple[str, str | None]]:
        if not _NAME.fullmatch(name):
            return []
        stem, _, last = name.rpartition("-")
        stated = self._formats.get(last.casefold())
        return [(name, None), *([(stem, stated)] if stem and stated else [])]


def _fold(name: str) -> str:
    folded = name.rsplit("/", 1)[-1].strip().casefold()
    for pattern, by in _FOLDS:
        folded = pattern.sub(by, folded)
    return folded


def shortened(value: object, most: int = 60) -> str:
    """Return a value of a source as one printable line of at most `most` characters."""
    try:
        text = str(value)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__} too long to show"
    shown = "".join(c if c.isprintable() else "?" for c in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def number(value: object) -> float | None:
    """Return a finite number as a float, ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def unreadable(path: Path, message: str, line: int | None, accepted: str) -> InputError:
    """Return the error of a source that cannot be read, with what would be accepted."""
    shown = shortened(path, MOST_PLACE)
    return InputError([Fault(shown, line, None, "", f"{message}; accepted: {accepted}")])


def text_of(path: Path, accepted: str) -> str:
    """Return the text of a UTF-8 file with or without a mark, or raise InputError."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except (OSError, ValueError) as error:
        message = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise unreadable(path, message, None, accepted) from error
    if size > MOST_BYTES:
        message = f"has {size:,} bytes, and at most {MOST_BYTES:,} are read"
        raise unreadable(path, message, None, accepted)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise unreadable(path, "is not UTF-8", line, accepted) from error


def json_object(path: Path, accepted: str) -> tuple[dict[str, Any] | list[Any], list[str]]:
    """Return the object or array of a JSON file and keys that an object has twice, or raise."""
    repeated: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in items)
        repeated.extend(key for key, count in counts.items() if count > 1)
        return dict(items)

    try:
        value = json.loads(text_of(path, accepted), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deep, or a number too long")
        line = getattr(error, "lineno", None)
        raise unreadable(path, f"is not JSON: {reason}", line, accepted) from error
    if not isinstance(value, dict | list):
        raise unreadable(path, "is JSON, but neither an object nor an array", None, accepted)
    return value, repeated


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
        raise unreadable(source, "has no results*.json", None, ACCEPTED)
    scores = _Scores(settings)
    for path in files:
        place = path.name if path == source else path.relative_to(source).as_posix()
        run, repeated = json_object(path, ACCEPTED)
        for key in repeated:
            scores.reject(place, key, "repeated_key", "stands twice; JSON keeps the last one")
        scores.run(place, run)
    return scores.imported()


class _Scores:
    """Collects scores and rejections in source order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.names = ModelNames(settings.catalog)
        self.rows: dict[tuple[str, ...], list[tuple[str, QualityScore]]] = defaultdict(list)
        self.rejected: list[Rejected] = []

    def reject(self, place: str, value: object, reason: str, detail: str) -> None:
        where = shortened(place, MOST_PLACE)
        self.rejected.append(Rejected(where, shortened(value), reason, detail))

    def run(self, place: str, run: object) -> None:
        results = _part(run, "results")
        if not isinstance(run, dict) or not results:
            self.reject(place, "results", "no_results", "the file has no object `results`")
            return
        match = self._model(place, run)
        if match is None:
            return
        groups = [g for g in _part(run, "group_subtasks").values() if isinstance(g, list)]
        parts = {str(part) for group in groups for part in group}
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
        name = options.get("model") or _model_name(run)
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
        for key, value in metrics.items():
            extra = key in names and key not in {chosen, "sample_len"}
            if extra and number(value) is not None:
                detail = f"the score of {benchmark} is read from {' or '.join(wanted)}"
                self.reject(where, key, "other_metric", detail)
        score = number(metrics.get(chosen)) if chosen else None
        if chosen is None or score is None:
            self.reject(where, metrics.get(chosen or ""), "no_score", f"no number in {wanted[0]}")
            return
        shots = number(_part(run, "n-shot").get(task))
        version = shortened(run.get("lm_eval_version") or "of unknown version")
        name = shortened(self.settings.options.get("evaluator") or "lm-eval")
        questions, of = _questions(run, task, metrics)
        values = {
            "model": match.model,
            "quantization": match.quantization,
            "benchmark": benchmark,
            "score": score,
            "evaluator": f"{name}/{task}" + ("" if shots is None else f"/{shots:g}-shot"),
            "setting": shortened(chosen),
            "questions": questions,
            "source": f"lm-evaluation-harness {version}, results of {shortened(_model_name(run))}",
            "as_of": _day(run.get("date")) or self.settings.as_of,
            "notes": f"the first {questions} of {of} questions" if of else "",
        }
        try:
            row = QualityScore.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            self.reject(where, first["input"], "invalid", shortened(sentence(first)))
            return
        self.rows[row.key].append((where, row))

    def imported(self) -> Imported:
        kept = []
        for rows in self.rows.values():
            same = all(row == rows[0][1] for _, row in rows)
            kept += [rows[0][1]] if same else []
            for where, row in rows[1:] if same else rows:
                reason = "duplicate" if same else "contradiction"
                detail = "several runs of one set-up: keep one, or say --option evaluator=NAME"
                self.reject(where, row.score, reason, detail)
        notes = ("scores compare only under one evaluator: name/task/shots",) if kept else ()
        return Imported({"quality": tuple(kept)}, tuple(self.rejected), notes)


def _part(run: object, name: str) -> dict[str, Any]:
    part = run.get(name) if isinstance(run, dict) else None
    return part if isinstance(part, dict) else {}


def _model_name(run: dict[str, Any]) -> str:
    arguments = _part(run, "config").get("model_args")
    if isinstance(arguments, str):
        arguments = dict(a.partition("=")[::2] for a in arguments.split(","))
    stated = arguments if isinstance(arguments, dict) else {}
    names = (run.get("model_name"), stated.get("pretrained"), stated.get("model"))
    return next((name.strip() for name in names if isinstance(name, str) and name.strip()), "")


def _questions(
    run: dict[str, Any], task: str, metrics: dict[str, Any]
) -> tuple[int | None, int | None]:
    """Return the number asked, and the number there are when only a part was."""
    parts = _part(run, "group_subtasks").get(task)
    counted = _leaves(run, task, set()) if isinstance(parts, list) and parts else [task]
    samples = [_part(_part(run, "n-samples"), name) for name in counted]
    asked = [number(sample.get("effective")) or 0 for sample in samples]
    if not all(asked):
        stated = number(metrics.get("sample_len")) or 0
        return (int(stated) if stated >= 1 else None), None
    of = sum(number(sample.get("original")) or 0 for sample in samples)
    return int(sum(asked)), int(of) if of > sum(asked) else None


def _leaves(run: dict[str, Any], task: str, seen: set[str]) -> list[str]:
    parts = _part(run, "group_subtasks").get(task)
    if not isinstance(parts, list) or not parts or task in seen:
        return [task]
    return [leaf for part in parts for leaf in _leaves(run, str(part), {*seen, task})]


def _day(seconds: object) -> str | None:
    known = number(seconds)
    try:
        moment = datetime.datetime.fromtimestamp(known, tz=datetime.UTC) if known else None
    except (OverflowError, OSError, ValueError):
        return None
    return moment.date().isoformat() if moment else None

"""What drafts tokens for a candidate, and how many a step makes of a workload's text.

The rows of a draft in ``drafts.csv`` differ by the kind of text its acceptance was measured on. A
workload takes the row of its own kind. Without one it takes the lowest of all rows, if one of them
was measured on many kinds of text or on chat, which holds many; what was measured on code or
mathematics alone says nothing about other text. A length the user measured replaces the table.

Heads, and models that draft, are published in 16 bits and planned so; layers that the model brings
have its format. A head is one layer of the width and attention of its model, without experts,
with the whole vocabulary, unless its size is stated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.options.engine_setting import SpeculationSetting
from planner.perf.spec import NumberFormat
from planner.perf.speculation import Draft as PerfDraft
from planner.perf.speculation import expected_tokens, tokens_cv
from planner.units import PARAMS_PER_BILLION

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Draft, Model, Quantization
    from planner.perf.arch import Architecture
    from planner.problem.schema import Candidates, Workload

_GENERAL = ("any", "chat")
_SIXTEEN_BIT_BYTES = 2.0
_NGRAM = "ngram"
_OWN = "draft_model"
_MTP = "mtp"


@dataclass(frozen=True, slots=True)
class Drafter:
    """One way to draft tokens for a model.

    Parameters
    ----------
    rows
        Rows of the draft, one for each kind of text, at least one.
    model
        The model that drafts; ``None`` for heads and for drafts from the text.
    """

    rows: tuple[Draft, ...]
    model: Model | None = None

    @property
    def row(self) -> Draft:
        """A row, for what all of them state."""
        return self.rows[0]

    @property
    def id(self) -> str:
        """Name of the draft."""
        return self.row.id


@dataclass(frozen=True, slots=True)
class StepTokens:
    """Tokens that a step makes of a request.

    Parameters
    ----------
    mean, cv
        Mean, >= 1, and coefficient of variation, >= 0.
    evidence
        What the mean rests on, in words.
    """

    mean: float = 1.0
    cv: float = 0.0
    evidence: str = ""


ONE_TOKEN = StepTokens()
"""Steps without a draft."""


def drafters(model: Model, chosen: Candidates, catalog: Catalog) -> list[Drafter]:
    """Return the ways to draft tokens for a model that a problem allows."""
    wanted = chosen.speculative_decoding
    if wanted == "off":
        return []
    return [
        Drafter(rows, None if rows[0].draft_model is None else catalog.model(rows[0].draft_model))
        for name, rows in catalog.drafts_of(model.id).items()
        if wanted == "on" or name in wanted
    ]


def why_no_draft(drafter: Drafter, engine: str, tensor_parallel: int) -> tuple[str, str] | None:
    """Return why an engine cannot draft so, as a code and a sentence; ``None`` when it can."""
    row = drafter.row
    if engine not in row.engine_ids:
        detail = (
            f"{engine} is not known to run {row.id} of {row.model}, {', '.join(row.engine_ids)} "
            "is; complete `engines` of its rows in drafts.csv of an overlay"
        )
        return "no_support", detail
    own = drafter.model
    if own is not None and own.heads % tensor_parallel:
        return "parallelism", f"{own.heads} heads of {own.id} do not divide by {tensor_parallel}"
    return None


def perf_draft(drafter: Drafter, arch: Architecture, quantization: Quantization) -> PerfDraft:
    """Return a drafter as the performance model takes it.

    Parameters
    ----------
    drafter
        The drafter.
    arch
        Shape of what drafts: of its own model, else of the model that verifies.
    quantization
        Format of the model that verifies.
    """
    row = drafter.row
    if row.method == _NGRAM:
        return PerfDraft(row.draft_tokens)
    wide = NumberFormat(_SIXTEEN_BIT_BYTES, _SIXTEEN_BIT_BYTES, quantization.kv_bytes)
    if row.method == _OWN:
        return PerfDraft(row.draft_tokens, arch, wide, own_vocabulary=True)
    layers = replace(
        arch, layers=row.layers, dense_first_layers=0 if arch.is_moe else None,
        sliding_window=None, full_attention_fraction=None,
    )  # fmt: skip
    if row.method == _MTP:
        return PerfDraft(row.draft_tokens, layers)
    params = None if row.params_b is None else row.params_b * PARAMS_PER_BILLION
    return PerfDraft(row.draft_tokens, _dense(layers), wide, params=params)


def _dense(arch: Architecture) -> Architecture:
    """Return the shape with a feed-forward block as wide as the experts of a token together."""
    chosen = (arch.experts_active or 0) + (arch.experts_shared or 0)
    return replace(
        arch, intermediate=arch.intermediate or chosen * (arch.moe_intermediate or 0),
        experts_routed=None, experts_active=None, experts_shared=None, moe_intermediate=None,
        dense_first_layers=None,
    )  # fmt: skip


def step_tokens(workload: Workload, drafter: Drafter | None) -> StepTokens | None:
    """Return the tokens that a step makes of a workload, ``None`` when nobody measured them."""
    if drafter is None:
        return ONE_TOKEN
    own, drafted = workload.speculation, drafter.row.draft_tokens
    if own is not None and own.tokens_per_step is not None:
        mean = own.tokens_per_step
        return StepTokens(mean, tokens_cv(mean, drafted), f"{mean:.3g} as the problem states")
    text = None if own is None else own.text
    exact = [row for row in drafter.rows if row.text == text]
    if not exact and not any(row.text in _GENERAL for row in drafter.rows):
        return None
    row = min(exact or drafter.rows, key=_mean_tokens)
    mean = _mean_tokens(row)
    on = row.benchmark or "text that the source does not name"
    evidence = f"{mean:.3g} measured on {on} ({row.source})"
    if not exact:
        asked = "the workload states no `speculation.text`" if text is None else f"none on {text}"
        evidence += f", the lowest known: {asked}"
    return StepTokens(mean, tokens_cv(mean, drafted), evidence)


def speculation_setting(workload: Workload, drafter: Drafter | None) -> SpeculationSetting | None:
    """Return how an engine has to draft for a workload, ``None`` when it does not."""
    steps = step_tokens(workload, drafter)
    if drafter is None or steps is None:
        return None
    row = drafter.row
    return SpeculationSetting(
        draft=row.id,
        method=row.method,
        checkpoint=row.checkpoint or row.draft_model or "",
        draft_tokens=row.draft_tokens,
        tokens_per_step=steps.mean,
        evidence=steps.evidence,
    )


def _mean_tokens(row: Draft) -> float:
    """Return the measured length, or the one that follows from the acceptance of a token."""
    if row.tokens_per_step is not None:
        return row.tokens_per_step
    return expected_tokens(row.acceptance or 0.0, row.draft_tokens)

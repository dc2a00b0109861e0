"""How the engine of a pool's replicas has to be set for what is planned of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeculationSetting:
    """How an engine drafts, and what a workload's text makes of it.

    Parameters
    ----------
    draft, method, checkpoint
        Name, method and weights of the draft (empty where the model brings them).
    draft_tokens
        Tokens proposed per step, >= 1.
    tokens_per_step
        Mean tokens that a step is planned to make, >= 1.
    evidence
        What that rests on.
    """

    draft: str
    method: str
    checkpoint: str
    draft_tokens: int
    tokens_per_step: float
    evidence: str


@dataclass(frozen=True, slots=True)
class EngineSetting:
    """How the engine of a pool's replicas is set.

    Parameters
    ----------
    chunk_tokens
        Token budget of one step, >= 1.
    prefix_tokens
        Tokens of the KV cache of one replica set aside for prefixes, >= 0.
    prefix_hit_rate
        Share of the workload's prompt tokens found there, 0 to below 1.
    speculation
        How tokens are drafted, ``None`` when none are.
    """

    chunk_tokens: int
    prefix_tokens: float = 0.0
    prefix_hit_rate: float = 0.0
    speculation: SpeculationSetting | None = None

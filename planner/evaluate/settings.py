"""Settings that published benchmark scripts state while the measured rows do not.

A run is predicted as it was started. The dated serving rows of aiconfigurator's silicon sample
come from the InferenceX benchmark, whose start scripts depart from the defaults of the engines:

* SGLang on B200 looks for new requests every 10th step below 16 clients and every 30th from there
  (``--scheduler-recv-interval``, 1 by default); a request waits for half of that on average.
* vLLM from 0.19 serves MiniMax-M2.5 on B200 and B300 with a budget of two prompts
  (``--max-num-batched-tokens "$((ISL * 2))"``). With data-parallel attention every group is one
  device (``--tensor-parallel-size=1 --data-parallel-size=$TP``), so that a row whose two degrees
  are the same repeats one of them. Published runs fill up where that leaves no room for more.
* TensorRT-LLM with data-parallel attention holds prompts back until every group has one
  (``enable_balance``), for DeepSeek at most 60 steps (``timeout_iters``).

Sources: SemiAnalysisAI/InferenceX, ``benchmarks/dsr1_fp4_b200.sh``, ``dsr1_fp8_b200.sh``,
``dsr1_fp8_b200_trt.sh``, ``gptoss_fp4_b200_trt.sh``, and in ``benchmarks/single_node``
``minimaxm2.5_fp4_b300.sh`` and ``minimaxm2.5_fp8_b300.sh``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.evaluate.runs import whole

if TYPE_CHECKING:
    from planner.evaluate.runs import Run

_SCRIPTED_SOURCE = "aiconfigurator"
_BLACKWELL = ("B200", "B300")
_FEW_CLIENTS = 16.0
_FEW_POLL_STEPS, _POLL_STEPS, _BALANCE_STEPS = 10.0 / 2, 30.0 / 2, 60.0 / 2
_PROMPTS_IN_BUDGET = 2
_FIRST_WITH_BUDGET = (0, 19)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run was started; by default as the engine is.

    Parameters
    ----------
    chunk_tokens
        Tokens that a step may hold, ``None`` for the default of the engine.
    poll_steps
        Mean steps that pass before a new request is taken in, ``None`` for the default.
    is_balanced
        Whether prompts are held back until every data-parallel group has one.
    is_untied
        Whether every data-parallel group is one device, whatever degree is stated beside.
    """

    chunk_tokens: int | None = None
    poll_steps: float | None = None
    is_balanced: bool = False
    is_untied: bool = False


_DEFAULTS = Settings()


def settings_of(run: Run, engine: str | None, model: str) -> Settings:
    """Return how a run was started, as far as it is known.

    Parameters
    ----------
    run
        The run.
    engine, model
        Its engine and its model in the catalogue; an empty name where the model is unknown.
    """
    scripted = _SCRIPTED_SOURCE in run.row.source and "measured" in run.notes
    if not scripted or run.is_disaggregated:
        return _DEFAULTS
    groups = whole(run.notes.get("attention_dp", "")) or 1
    on_blackwell = run.row.gpu.startswith(_BLACKWELL)
    if engine == "trtllm" and groups > 1:
        timed = model.startswith("deepseek")
        return Settings(poll_steps=_BALANCE_STEPS if timed else None, is_balanced=True)
    if engine == "sglang" and on_blackwell:
        few = (run.load.amount or 0.0) < _FEW_CLIENTS
        return Settings(poll_steps=_FEW_POLL_STEPS if few else _POLL_STEPS)
    if engine == "vllm" and model.startswith("minimax-m2"):
        budget = on_blackwell and _version(run.row.engine_version) >= _FIRST_WITH_BUDGET
        tokens = int(_PROMPTS_IN_BUDGET * (run.isl_tokens or 0.0)) if budget else 0
        return Settings(
            chunk_tokens=tokens or None, is_untied=groups > 1 and groups == run.tensor_parallel
        )
    return _DEFAULTS


def _version(text: str) -> tuple[int, ...]:
    """Return the first two numbers of a version, nothing for a build without one."""
    parts = text.split(".")[:2]
    return tuple(int(part) for part in parts) if all(p.isdigit() for p in parts) else ()

"""Serving engines by the names of others.

Engines that batch requests continuously but have no row of their own run with the default
parameters and a wider interval. Programs that generate for one caller at a time, and libraries
that quantise, serve nobody and are not compared (their memory is: it is weights and cache).
"""

from __future__ import annotations

from planner.evaluate.names import letters

OTHER_ENGINE = "other"
"""A serving engine without a row of its own."""
_SERVING = {"tensorrtllm": "trtllm", "trtllm": "trtllm", "vllm": "vllm", "sglang": "sglang"}
_NOT_SERVING = (
    "transformers",
    "autoawq",
    "autogptq",
    "llmawq",
    "llamacpp",
    "exllama",
    "ctransformers",
    "ctranslate",
    "onnx",
    "ollama",
    "accelerate",
    "lightning",
    "gptfast",
    "optimum",
    "mlx",
    "pytorch",
)


_LAST_LOGITS_ONLY = (4, 45)
"""First release of Transformers that computes the logits of the last position of a prompt alone
(``num_logits_to_keep``, huggingface/transformers pull 31292)."""


def keeps_all_logits(name: str, version: str) -> bool:
    """Return whether a program holds the logits of all positions of a prompt, in 16 and 32 bits.

    Parameters
    ----------
    name, version
        Program and version as stated; without a version it is taken to be a newer one.
    """
    parts = version.strip().lstrip("v").split(".")[:2]
    if "transformers" not in letters(name.lower()) or not all(p.isdigit() for p in parts):
        return False
    return tuple(map(int, parts)) < _LAST_LOGITS_ONLY


def engine_of(name: str) -> str | None:
    """Return the engine that a name stands for, ``None`` for what is no serving engine.

    Parameters
    ----------
    name
        Engine as stated, blank when it is not.
    """
    text = letters(name.lower())
    for word, engine in _SERVING.items():
        if word in text:
            return engine
    return None if any(word in text for word in _NOT_SERVING) else OTHER_ENGINE

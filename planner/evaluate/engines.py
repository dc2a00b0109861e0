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

"""What catalogue row a name of somebody else stands for.

Names are compared by letters and digits alone, without the vendor in front of an accelerator and
without what tells a tuned model from its base (``-instruct``, ``-chat``, a version): the model of
performance only sees shapes. An accelerator may leave out its memory, or state it as the product
figure, as long as that is within a tenth of what the driver reads and no two rows fit. Models that
share their architecture with a row under another name are in :data:`SAME_ARCHITECTURE`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from planner.units import BYTES_PER_GIB, BYTES_PER_MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator, Model

SAME_ARCHITECTURE = {
    "llama-3-8b": "llama-3.1-8b",
    "llama-3-70b": "llama-3.1-70b",
    "codellama-7b": "llama-2-7b",
    "codellama-13b": "llama-2-13b",
    "vicuna-7b": "llama-2-7b",
    "vicuna-13b": "llama-2-13b",
    "deepseek-v3.1": "deepseek-v3",
    "deepseek-v3.2-exp": "deepseek-v3.2",
    "deepseek-r1-distill-qwen-1.5b": "qwen2.5-1.5b",
    "deepseek-r1-distill-qwen-7b": "qwen2.5-7b",
    "deepseek-r1-distill-qwen-14b": "qwen2.5-14b",
    "deepseek-r1-distill-qwen-32b": "qwen2.5-32b",
    "qwq-32b": "qwen2.5-32b",
    "qwen2-0.5b": "qwen2.5-0.5b",
    "qwen2-1.5b": "qwen2.5-1.5b",
    "qwen2-7b": "qwen2.5-7b",
    "qwen2-72b": "qwen2.5-72b",
}
"""Models with the shape of another one; a difference is at most the length of a vocabulary."""

_COUNT = re.compile(r"^\d+\s*x\s*")
_VENDOR = re.compile(r"^(?:nvidia|amd|intel|google|aws|habana|tesla|instinct)\b\W*")
_MEMORY = re.compile(r"[\s_-]*(\d+)\s*gi?b\b")
_MEMORY_TOLERANCE = 0.1
_SOCKET = re.compile(r"sxm\d")
_TUNED = re.compile(
    r"[-.](?:instruct|chat|thinking|it|hf|base|v0\.\d+|\d{4}|w\d+a\d+|(?:bf|fp|nvfp|mxfp|int)\d+"
    r"|kv|awq|gptq|dynamic|quantized)(?=[-.]|$)"
)

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Names:
    """Rows of a catalogue by comparable name.

    Parameters
    ----------
    accelerators, models
        Rows by id, alias and name.
    unique
        Accelerators by the part of their id that leaves out the memory, where only one has it.
    """

    accelerators: Mapping[str, Accelerator]
    models: Mapping[str, Model]
    unique: Mapping[str, Accelerator]

    def accelerator(self, name: str) -> Accelerator | None:
        """Return the accelerator that a name stands for, ``None`` when there is none."""
        plain = _without_vendor(name)
        found = self.accelerators.get(letters(plain))
        if found is not None:
            return found
        stated = _MEMORY.search(plain)
        bare = letters(_MEMORY.sub("", plain))
        found = self.accelerators.get(bare, self.unique.get(bare))
        if found is None or stated is None:
            return found
        ratio = float(stated[1]) * BYTES_PER_GIB / BYTES_PER_MIB / found.memory_mib
        return found if abs(ratio - 1.0) <= _MEMORY_TOLERANCE else None

    def model(self, name: str, checkpoint: str = "") -> Model | None:
        """Return the model that a family name, or else a repository, stands for.

        Parameters
        ----------
        name
            Family name.
        checkpoint
            Repository of the weights, where stated.
        """
        family = letters(_family(name))
        for key in (letters(name), family, _TWINS.get(family, "")):
            row = self.models.get(key)
            if row is not None:
                return row
        return self.model(checkpoint) if checkpoint else None


def names_of(catalog: Catalog) -> Names:
    """Return the names of a catalogue; the first row of a name wins, ids before other names."""
    accelerators = {a.id: a for a in catalog.accelerators}
    known = [(a.id, a) for a in catalog.accelerators]
    known += [
        (alias.alias, accelerators[alias.accelerator])
        for alias in catalog.aliases
        if alias.accelerator in accelerators
    ]
    known += [(a.name, a) for a in catalog.accelerators]
    models = [(m.id, m) for m in catalog.models]
    models += [(m.hf_repo.rpartition("/")[2].lower(), m) for m in catalog.models if m.hf_repo]
    models += [(_family(m.id), m) for m in catalog.models]
    bare = [(letters(_MEMORY.sub("", a.id)), a) for a in catalog.accelerators]
    count = Counter(name for name, _ in bare)
    return Names(
        accelerators=_first((letters(_without_vendor(name)), row) for name, row in known),
        models=_first((letters(name), row) for name, row in models),
        unique={name: row for name, row in bare if count[name] == 1},
    )


def _family(name: str) -> str:
    return _TUNED.sub("", name.lower().rpartition("/")[2].replace("_", "-").removeprefix("meta-"))


def _without_vendor(name: str) -> str:
    text, before = _COUNT.sub("", name.strip().lower()), ""
    while text != before:
        before, text = text, _VENDOR.sub("", text)
    return _SOCKET.sub("sxm", text)


def letters(name: str) -> str:
    """Return the letters and digits of a name in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _first(pairs: Iterable[tuple[str, _Row]]) -> dict[str, _Row]:
    rows: dict[str, _Row] = {}
    for name, row in pairs:
        rows.setdefault(name, row)
    return rows


_TWINS = {letters(name): letters(twin) for name, twin in SAME_ARCHITECTURE.items()}

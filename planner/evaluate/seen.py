"""Which models and accelerators stand behind the calibration.

An accelerator is seen when ``calibration.csv`` has a calibrated row of its own. A model is seen
when its architecture is that of a model named in the notes of a calibration row, after
``models:`` and up to the next semicolon, separated by commas. Names alone would not do: a tuned
copy of a model that was fitted is no new model to a formula that only sees shapes.

Class defaults rest on offline tables of further hardware; these count as not seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.options.specs import architecture

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator, Model
    from planner.evaluate.names import Names
    from planner.perf.arch import Architecture

_LIST = re.compile(r"\bmodels:\s*([^;]+)")
_FITTED = frozenset({"calibrated", "two_point", "measured"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What was fitted.

    Parameters
    ----------
    architectures
        Shapes of the models.
    accelerators
        Ids.
    """

    architectures: frozenset[Architecture]
    accelerators: frozenset[str]

    def has_model(self, model: Model | None) -> bool:
        """Return whether the shape of a model was fitted; unknown models were not."""
        return model is not None and architecture(model) in self.architectures

    def has_accelerator(self, accelerator: Accelerator | None) -> bool:
        """Return whether an accelerator was fitted; unknown ones were not."""
        return accelerator is not None and accelerator.id in self.accelerators


def seen_in(catalog: Catalog, names: Names) -> Seen:
    """Return what stands behind the calibration of a catalogue."""
    listed = [
        name.strip()
        for row in catalog.calibration
        if (match := _LIST.search(row.notes))
        for name in match[1].split(",")
    ]
    models = (names.model(name) for name in listed)
    return Seen(
        architectures=frozenset(architecture(m) for m in models if m is not None),
        accelerators=frozenset(
            row.key_id
            for row in catalog.calibration
            if row.scope == "accelerator" and row.provenance in _FITTED
        ),
    )

"""A parameter of the performance model for one combination of hardware, engine and format.

Rows of kind ``value`` state the parameter; the narrowest scope that has one wins, in the order
combination, accelerator, engine, quantization, family of the model, default. Rows of kind
``multiplier`` that match then multiply it, whatever their scope. So ``c_layer_us`` is its default
times the engine's multiplier, and a ``throughput_factor`` stated for an accelerator that was
calibrated is not touched by the class default of a number format.

A combination is a model in a number format on an engine and an accelerator, whatever the
parallelism. Its key is that of an option without the parallelism:
``model/quantization/engine/accelerator``. Such rows come from ``planner calibrate``.

The provenance is that of the ``value`` row: a multiplier refines a value, it does not make it
better known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Calibration

EVERYTHING = "all"
"""``key_id`` of rows with scope ``default``."""
_BETWEEN = "/"
NO_COMBINATION = ""
"""Key of no combination: its rows, and those of families of models, are left aside."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter after its multipliers.

    Parameters
    ----------
    value
        Value in `unit`.
    unit
        Unit of the table.
    provenance
        How the value is known.
    """

    value: float
    unit: str
    provenance: str


def combination_key(model: str, quantization: str, engine: str, accelerator: str) -> str:
    """Return the ``key_id`` of rows with scope ``combination``."""
    return _BETWEEN.join((model, quantization, engine, accelerator))


def parameter(
    catalog: Catalog,
    name: str,
    *,
    accelerator: str,
    engine: str,
    quantization: str,
    combination: str = NO_COMBINATION,
) -> Parameter:
    """Return one parameter of the performance model.

    Parameters
    ----------
    catalog
        The catalogue.
    name
        Parameter as in the table, with its unit at the end (``c_layer_us``).
    accelerator, engine, quantization
        Keys of what the parameter is for.
    combination
        Key of the combination, see :func:`combination_key`, which names the model and so its
        family; without one, only scopes that are wider than a model count.

    Raises
    ------
    InputError
        When no row states a value for this combination.
    """
    keys = (
        ("combination", combination),
        ("accelerator", accelerator),
        ("engine", engine),
        ("quantization", quantization),
        ("family", _family(catalog, combination)),
        ("default", EVERYTHING),
    )
    found = (catalog.calibration_row(name, scope, key) for scope, key in keys)
    rows: list[Calibration] = [row for row in found if row is not None]
    base = next((row for row in rows if row.kind == "value"), None)
    if base is None:
        hint = did_you_mean(name, {row.parameter for row in catalog.calibration})
        message = f"no row of kind `value` and scope `default` for parameter `{name}`{hint}"
        fault = Fault("calibration.csv", None, None, "calibration.parameter", message)
        raise InputError([fault], "planner catalog list calibration")
    value = base.value
    for row in rows:
        if row.kind == "multiplier":
            value *= row.value
    return Parameter(value, base.unit, base.provenance)


def _family(catalog: Catalog, combination: str) -> str:
    """Return the family of the model of a combination; none of a model without a row."""
    model = catalog.model(combination.partition(_BETWEEN)[0])
    return "" if model is None else model.family

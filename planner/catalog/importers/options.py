"""What a format accepts with ``--option KEY=VALUE``, and the refusal of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.importers.files import shortened
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_options(form: str, stated: Mapping[str, str], accepted: Mapping[str, str]) -> None:
    """Refuse options that a format does not read.

    Parameters
    ----------
    form
        Name of the format.
    stated
        Options as given.
    accepted
        Keys that the format reads, with one line of help each.

    Raises
    ------
    InputError
        When a key is not accepted; all such keys at once, with what is accepted.
    """
    unknown = [key for key in stated if key not in accepted]
    if not unknown:
        return
    faults = [
        option_fault(key, f"is no option of {form}{did_you_mean(key, accepted)}")
        for key in unknown
    ]
    listed = "".join(f"\n      {key}: {text}" for key, text in accepted.items())
    has = f"{form} reads:{listed}" if accepted else f"{form} has no options"
    last = faults.pop()
    raise InputError([*faults, option_fault(unknown[-1], f"{last.message}\n    {has}")])


def option_fault(key: str, message: str) -> Fault:
    """Return the fault of an option."""
    return Fault("", None, None, f"--option {shortened(key)}", message)

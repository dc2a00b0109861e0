"""Which provider the prices of a file are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.importers.files import MOST_PLACE_CHARACTERS, shortened
from planner.catalog.importers.options import option_fault
from planner.catalog.importers.skypilot.lines import key_of
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.record import Settings

CLOUDS = frozenset(
    {
        *("aws", "azure", "cudo", "daytona", "do", "fluidstack", "gcp", "hyperbolic"),
        *("hyperstack", "ibm", "jarvislabs", "lambda", "lium", "mithril", "nebius", "oci"),
        *("ovhcloud", "paperspace", "primeintellect", "runpod", "scaleway", "scp", "seeweb"),
        *("shadeform", "simplepod", "spheron", "vast", "verda", "yotta"),
    }
)
"""Folders of the SkyPilot catalogue that hold prices, versions 5 to 9."""


def provider_of(path: Path, settings: Settings) -> tuple[str, str]:
    """Return the provider of a price file, and a note on how it is known.

    Parameters
    ----------
    path
        The price file.
    settings
        Catalogue whose providers are known, and the option ``cloud``.

    Raises
    ------
    InputError
        When the option is no key, or there is none and the folder has the name of no provider.
    """
    stated = settings.options.get("cloud")
    if stated is not None:
        if not stated or key_of(stated) != stated:
            message = f"`{shortened(stated)}` is no name of a provider; say it as cloud=aws"
            raise InputError([option_fault("cloud", message)])
        return stated.lower(), f"provider `{stated.lower()}`, as --option cloud says"
    folder = path.resolve().parent.name
    known = CLOUDS | {offer.provider for offer in settings.catalog.offers}
    if folder.lower() not in known:
        message = (
            f"whose prices are these? The folder `{shortened(folder)}` has the name of no cloud "
            "of SkyPilot and of no provider in offers.csv; say --option cloud=NAME"
        )
        shown = shortened(path, MOST_PLACE_CHARACTERS)
        raise InputError([Fault(shown, None, None, "--option cloud", message)])
    return folder.lower(), f"provider `{folder.lower()}`, the name of the folder of the file"

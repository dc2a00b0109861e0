"""Long commands of many runs: how far they are, and what is left when Ctrl-C ends them."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells count."""


@dataclass(slots=True)
class SoFar:
    """How many runs are done, for the bar and for who interrupts."""

    draw: Callable[[int, int], None]
    done: int = 0
    whole: int = 0

    def __call__(self, done: int, whole: int) -> None:
        """Take the count."""
        self.done, self.whole = done, whole
        self.draw(done, whole)


@contextmanager
def interruptible(so_far: SoFar, *, in_processes: bool, store: Path | None) -> Iterator[None]:
    """End workers when Ctrl-C ends the command, and say what is left.

    A solve in this process does not come back to Python: Ctrl-C then ends it at once, as it ends
    every other command.

    Parameters
    ----------
    so_far
        How many runs are done.
    in_processes
        Whether other processes, or other machines, solve.
    store
        Where finished runs are kept.
    """
    if in_processes:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        kept = "no --store was given, so they are lost"
        if store is not None:
            kept = f"they are in {store}, and the same command goes on from there"
        below_the_bar = "\n" if sys.stderr.isatty() else ""
        count = f"{so_far.done} of {so_far.whole} runs"
        sys.stderr.write(f"{below_the_bar}interrupted after {count}; {kept}\n")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def usable_cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

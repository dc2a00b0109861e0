"""Long commands of many runs: how far they are, and what is left when Ctrl-C ends them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from planner.errors import counted

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
def interruptible(
    so_far: SoFar,
    *,
    in_processes: bool,
    store: Path | None,
    lost: str = "no --store was given, so they are lost",
) -> Iterator[None]:
    """End workers when Ctrl-C ends the command, and say what is left.

    A solve in this process does not come back to Python until it is done, so there a thread waits
    for Ctrl-C and ends the process.

    Parameters
    ----------
    so_far
        How many runs are done.
    in_processes
        Whether other processes, or other machines, solve.
    store
        Where finished runs are kept.
    lost
        What becomes of them without one.
    """
    if not in_processes:
        with _ended_by_a_thread(lambda: _say(so_far, store, lost)):
            yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        _say(so_far, store, lost)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _say(so_far: SoFar, store: Path | None, lost: str) -> None:
    kept = lost
    if store is not None:
        kept = f"they are in {store}, and the same command goes on from there"
    below_the_bar = "\n" if sys.stderr.isatty() else ""
    count = f"{so_far.done} of {counted(so_far.whole, 'run')}"
    sys.stderr.write(f"{below_the_bar}interrupted after {count}; {kept}\n")


@contextmanager
def _ended_by_a_thread(say: Callable[[], None]) -> Iterator[None]:
    """Let a thread take Ctrl-C, say what is left, and end this process at once."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: Ctrl-C ends it, without a word
        yield
        return
    is_over = threading.Event()

    def wait() -> None:
        signal.sigwait({signal.SIGINT})
        if not is_over.is_set():
            say()
            sys.stderr.flush()
            os._exit(EXIT_INTERRUPTED)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    try:
        yield
    finally:
        is_over.set()
        signal.pthread_kill(waiting.ident or 0, signal.SIGINT)
        waiting.join()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def usable_cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

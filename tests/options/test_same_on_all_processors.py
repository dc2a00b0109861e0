"""Figures of the performance model reach the program in digits that all processors agree on."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from planner.milp.bridge import to_arrays
from planner.pipeline import program_of
from planner.preparation import prepare
from planner.units import significant

ASSIGNMENTS = (
    "candidates.models=[llama-3.3-70b-instruct]", "candidates.hardware=[mi300x-192gb]",
    "candidates.quantizations=[fp8]", "time_blocks=4",
)  # fmt: skip
DIGEST = """
from tests.options.test_same_on_all_processors import digest
print(digest())
"""


def program_bytes():
    """Return the numbers of a small program."""
    arrays = to_arrays(program_of(prepare("chatbot_1m", assignments=ASSIGNMENTS)).problem)
    numbers = (arrays.cost, arrays.value, arrays.row_lower, arrays.row_upper, arrays.index)
    return b"".join(array.tobytes() for array in numbers)


def digest():
    return hashlib.sha256(program_bytes()).hexdigest()


def digest_elsewhere(**environment):
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DIGEST],
        env=os.environ | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return found.stdout.strip()


def test_other_arithmetic_of_the_processor_gives_the_same_program():
    # Kernels of an old processor sum in another order, which moves the last bits.
    other = {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "X86_V3"}

    assert digest_elsewhere(**other) == digest()


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(1.23456789, 1.234568), (0.000123456789, 0.0001234568), (98765432.1, 98765430.0), (0.0, 0.0)],
)
def test_figures_have_seven_digits(value, rounded):
    assert significant(value) == rounded
    assert significant(value * (1 + 1e-13)) == rounded

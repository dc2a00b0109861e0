from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from planner import digest
from planner.digest import digest_of


@dataclass(frozen=True)
class Pair:
    left: object
    right: object


def test_equal_content_has_an_equal_digest_whatever_object_holds_it():
    text = "".join(["a", "b"])

    assert digest_of(Pair("ab", {"x": 1, "y": 2})) == digest_of(Pair(text, {"y": 2, "x": 1}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (1, "1"),
        (None, "None"),
        (["ab"], ["a", "b"]),
        ([1, [2]], [1, 2]),
        (Pair("ab", "c"), Pair("a", "bc")),
        (np.array([1.0, 2.0]), np.array([2.0, 1.0])),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
    ],
)
def test_different_content_has_different_digests(one, other):
    assert digest_of(one) != digest_of(other)


def test_rooms_that_only_read_plans_have_no_part_in_the_digest_of_the_software():
    """They exist, and the import contract lets nothing below the commands import them."""
    root = Path(digest.__file__).parent

    rooms = digest._AFTER_THE_ANSWER

    assert all((root / room).is_dir() for room in rooms)
    assert not {"milp", "options", "perf", "plan", "sweep", "catalog"} & set(rooms)


def test_what_has_no_content_of_its_own_is_refused():
    with pytest.raises(TypeError, match="no digest of object"):
        digest_of(object())

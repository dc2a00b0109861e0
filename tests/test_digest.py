from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

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


def test_what_has_no_content_of_its_own_is_refused():
    with pytest.raises(TypeError, match="no digest of object"):
        digest_of(object())

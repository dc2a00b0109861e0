"""YAML 1.2 in, plain data and positions out; the only module that knows the YAML library.

Every key and list item keeps the line and column it was written at, so that a fault found much
later (an unknown model, a budget below zero) can still point into the file.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from pathlib import Path

YamlData = Any
"""What a YAML value can be: dictionaries, lists, strings, numbers, booleans, ``None``."""
Path_ = tuple[str | int, ...]
Position = tuple[int, int]
_DUPLICATE_VALUES_MESSAGE = "a key may stand only once; the earlier value would be lost"


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed YAML file.

    Parameters
    ----------
    file
        Name for messages.
    text
        The file as written.
    data
        Dictionaries, lists, strings, numbers, booleans and ``None`` only.
    positions
        Line and column (from 1) of every value, by path of keys and indices.
    """

    file: str
    text: str
    data: YamlData
    positions: dict[Path_, Position]


def read_yaml(path: Path, name: str | None = None) -> Document:
    """Return the parsed file.

    Raises
    ------
    InputError
        When the file cannot be read, is not UTF-8, is not YAML, or repeats a key.
    """
    file = name or str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise InputError([Fault(file, None, None, "", message)]) from error
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise InputError([Fault(file, None, None, "", message)]) from error
    return parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> Document:
    """Return parsed `text`; `file` is used in messages.

    Raises
    ------
    InputError
        When the text is not YAML or repeats a key.
    """
    try:
        node = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        raise InputError([_marked_fault(error, file, _DUPLICATE_VALUES_MESSAGE)]) from error
    except MarkedYAMLError as error:
        raise InputError([_marked_fault(error, file, "is not valid YAML")]) from error
    except (YAMLError, ValueError) as error:
        message = f"is not valid YAML: {error}"
        raise InputError([Fault(file, None, None, "", message)]) from error
    positions: dict[Path_, Position] = {(): (1, 1)}
    return Document(file, text, _plain(node, (), positions), positions)


def parse_value(text: str) -> YamlData:
    """Return one YAML value from a command line (``450``, ``true``, ``[a, b]``)."""
    return _plain(YAML(typ="rt").load(text), (), {})


def _marked_fault(error: MarkedYAMLError, file: str, hint: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    problem = (error.problem or str(error)).strip().splitlines()[0]
    return Fault(file, line, column, "", f"{problem}; {hint}")


def _plain(node: YamlData, path: Path_, positions: dict[Path_, Position]) -> YamlData:
    if isinstance(node, CommentedMap):
        result: dict[str, Any] = {}
        for key, value in node.items():
            name = str(key)
            line, column = node.lc.key(key)
            positions[(*path, name)] = (line + 1, column + 1)
            result[name] = _plain(value, (*path, name), positions)
        return result
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            line, column = node.lc.item(index)
            positions[(*path, index)] = (line + 1, column + 1)
            items.append(_plain(value, (*path, index), positions))
        return items
    return _scalar(node)


def _scalar(node: YamlData) -> YamlData:
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if isinstance(node, dt.date | dt.datetime):
        return node.isoformat()
    return str(node)

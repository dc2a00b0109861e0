"""YAML 1.2 in, plain data and positions out; the only module that knows the YAML library.

Every key and list item keeps the line and column it was written at, so that a fault found much
later (an unknown model, a budget below zero) can still point into the file.
"""

from __future__ import annotations

import datetime as dt
import io
import pickle
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scalarbool import ScalarBoolean

from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from pathlib import Path

YamlData = Any
"""What a YAML value can be: dictionaries, lists, strings, numbers, booleans, ``None``."""
Path_ = tuple[str | int, ...]
Position = tuple[int, int]
MOST_VALUES = 50_000
"""Values one file may hold: aliases of aliases grow without bound, and no problem is so large."""
_HINTS = (
    (r"'\\t'", "indent with spaces, not tabs"),
    (r"another document", "keep one document per file and remove the line `---`"),
    (r"undefined alias", "define the anchor with `&name` first, or put the text in quotes"),
    (r"mapping values", "check the indentation, and put text that holds `: ` in quotes"),
)
_SHOWN, _SHOWN_DEPTH = 60, 3
"""Characters, and nested brackets, of a value in a message."""
_KEPT_TEXTS = 256
"""Texts whose data is kept: a problem file, and the values of its assignments."""
_GENERAL_HINT = "check brackets, quotes and indentation here"


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
    assigned
        Paths whose value does not come from the file, with the assignment that set them.
    repeated
        A fault for every key that stands twice in the same place; `data` has its first value.
    """

    file: str
    text: str
    data: YamlData
    positions: dict[Path_, Position]
    assigned: dict[Path_, str] = field(default_factory=dict)
    repeated: tuple[Fault, ...] = ()


class _Repeated(NamedTuple):
    """A key that stands twice in a mapping: both places, and both values as text."""

    place: Position
    first_place: Position
    key: str
    first_value: str
    value: str


class _Constructor(RoundTripConstructor):
    """Keeps the first value of a key that stands twice, and tells the places of all."""

    @cached_property
    def repeated(self) -> list[_Repeated]:
        """Every key after the first of its name in a mapping, in the order read."""
        return []

    def check_mapping_key(
        self,
        node: YamlData,
        key_node: YamlData,
        mapping: YamlData,
        key: YamlData,
        value: YamlData,
    ) -> bool:
        """Return whether a key is new in its mapping."""
        del value
        if key not in mapping:
            return True
        first = next(pair for pair in node.value if self.construct_object(pair[0]) == key)
        again = next(pair for pair in node.value if pair[0] is key_node)
        places = _place(key_node), _place(first[0])
        self.repeated.append(_Repeated(*places, str(key), _shown(first[1]), _shown(again[1])))
        return False


def _date(constructor: _Constructor, node: ScalarNode) -> YamlData:
    """Return a date, as text where no calendar has it: what reads it tells where it stands."""
    try:
        return constructor.construct_yaml_timestamp(node)
    except ValueError:
        return str(node.value)


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _date)


def _place(node: YamlData) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _shown(node: YamlData) -> str:
    """Return a value in one line, cut where it is long."""
    text = " ".join(_flow(node, _SHOWN_DEPTH).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _flow(node: YamlData, depth: int) -> str:
    """Return a node in brackets, down to a depth: aliases may lead back to it."""
    if isinstance(node, ScalarNode):
        quote = node.style if node.style in {"'", '"'} else ""
        return f"{quote}{node.value}{quote}" or "null"
    if depth == 0:
        return "..."
    if isinstance(node, SequenceNode):
        return f"[{', '.join(_flow(item, depth - 1) for item in node.value[:_SHOWN])}]"
    pairs = node.value[:_SHOWN]
    return f"{{{', '.join(f'{_flow(k, 1)}: {_flow(v, depth - 1)}' for k, v in pairs)}}}"


def read_yaml(path: Path, name: str | None = None, *, keep_repeated: bool = False) -> Document:
    """Return the parsed file.

    Parameters
    ----------
    path
        File to read.
    name
        Its name in messages; default `path`.
    keep_repeated
        Whether keys that stand twice are no error but faults of the document, for callers that
        tell everything that is wrong at once.

    Raises
    ------
    InputError
        When the file cannot be read, is not UTF-8, is not YAML, or repeats a key.
    """
    file = name or str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise InputError([Fault(file, None, None, "", message)]) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8 text; save the file as UTF-8"
        raise InputError([Fault(file, line, column, "", message)]) from error
    return parse_yaml(text, file, keep_repeated=keep_repeated)


def parse_yaml(text: str, file: str, *, keep_repeated: bool = False) -> Document:
    """Return parsed `text`; `file` is used in messages, `keep_repeated` as in :func:`read_yaml`.

    Raises
    ------
    InputError
        When the text is not YAML, repeats a key, or is larger than any problem.
    """
    next_step = f"correct it, then planner check {file}"
    try:
        data, positions, keys = pickle.loads(_parsed(text))
    except (YAMLError, ValueError, RecursionError) as error:
        raise InputError([_fault(error, text, file)], next_step) from error
    repeated = tuple(
        Fault(file, line, column, "", _twice(found))
        for found in keys
        for line, column in [found.place]
    )
    if repeated and not keep_repeated:
        raise InputError(repeated, next_step)
    return Document(file, text, data, positions, repeated=repeated)


def parse_value(text: str) -> YamlData:
    """Return one YAML value from a command line (``450``, ``true``, ``[a, b]``).

    Raises
    ------
    ValueError
        When the text is not YAML.
    """
    try:
        data, _, keys = pickle.loads(_parsed(text))
    except (YAMLError, ValueError, RecursionError) as error:
        raise ValueError(_problem(error)) from error
    if keys:
        raise ValueError(_twice(keys[0], where=False))
    return data


@lru_cache(maxsize=_KEPT_TEXTS)
def _parsed(text: str) -> bytes:
    """Return data, positions and repeated keys of a text, pickled: nobody shares what may change.

    Sweeps, scenarios and trials read the same problem and the same assignments many times.
    """
    positions: dict[Path_, Position] = {(): (1, 1)}
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    data = _plain(yaml.load(text), (), positions)
    keys = sorted(yaml.constructor.repeated)
    return pickle.dumps((data, positions, keys), protocol=pickle.HIGHEST_PROTOCOL)


def _twice(found: _Repeated, *, where: bool = True) -> str:
    """Return that a key stands twice, with both values and, of a file, both places."""
    at, again = (f"at {p[0]}:{p[1]} " if where else "" for p in (found.first_place, found.place))
    return (
        f"`{found.key}` stands twice in the same place, first {at}with `{found.first_value}`, "
        f"then {again}with `{found.value}`; keep one, the other value would be lost"
    )


def _fault(error: Exception, text: str, file: str) -> Fault:
    line, column = None, None
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    elif isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    return Fault(file, line, column, "", _problem(error))


def _problem(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply; no problem needs so many brackets"
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    first = str(problem).strip().splitlines()[0]
    if isinstance(error, DuplicateKeyError):
        found = re.search(r'duplicate key "([^"]*)"', first)
        key = found[1] if found else "<<"
        return f"`{key}` stands twice in the same place; keep one, the other would be lost"
    if not isinstance(error, YAMLError):
        return first
    hint = next((h for pattern, h in _HINTS if re.search(pattern, first)), _GENERAL_HINT)
    return f"is not valid YAML: {first}; {hint}"


def _plain(node: YamlData, path: Path_, positions: dict[Path_, Position]) -> YamlData:
    if len(positions) > MOST_VALUES:
        text = f"holds more than {MOST_VALUES} values; check its aliases (`*name`)"
        raise ValueError(text)
    if isinstance(node, CommentedMap):
        result: dict[str, Any] = {}
        marks = node.lc.data or {}
        for key, value in node.items():
            name = str(key)
            # A key that came in through `<<` has no place of its own: its parent's must do.
            mark = marks.get(key)
            if mark is not None:
                positions[(*path, name)] = (mark[0] + 1, mark[1] + 1)
            else:
                positions[(*path, name)] = positions.get(path, (1, 1))
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
    if node is None or isinstance(node, bool):
        return node
    if isinstance(node, ScalarBoolean):
        return bool(node)
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if isinstance(node, dt.date | dt.datetime):
        return node.isoformat()
    return str(node)


def yaml_text(data: YamlData) -> str:
    """Return plain data as YAML in block style, keys in the order given.

    Parameters
    ----------
    data
        Dictionaries, lists, strings, finite numbers, booleans and ``None``; reading the text
        again gives the same data.
    """
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = _WIDEST
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


_WIDEST = 4_096
"""Characters of a line before it is folded: text stays on one line, where it can be searched."""

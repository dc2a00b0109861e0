"""What options state, checked: every value that is refused is told, and with the faults of files.

A callback of an option notes what is wrong and lets the command begin; a command raises all of it
together with what is wrong in its files, before anything is solved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from planner.errors import NOTHING_SOLVED, Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_NOTED = "planner.cli.stated"


def number(text: str) -> float | str:
    """Return a number, or the text itself where it is none, for :func:`within` to refuse.

    Parameters
    ----------
    text
        Value of an option as written.
    """
    try:
        return float(text)
    except ValueError:
        return text


def whole(text: str) -> int | str:
    """Return a whole number, or the text itself where it is none, as :func:`number` does.

    Parameters
    ----------
    text
        Value of an option as written.
    """
    try:
        return int(text)
    except ValueError:
        return text


def within(option: str, least: float, most: float | None = None) -> Callable[..., Any]:
    """Return the callback of an option that takes a number in a range, read by one of the above.

    Parameters
    ----------
    option
        Name of the option in messages.
    least, most
        Range, both ends included, no `most` for none; `least` is whole where all values are.
    """
    kind = "whole number" if isinstance(least, int) else "number"
    bounds = f"at least {least:g}" + ("" if most is None else f" and at most {most:g}")

    def check(context: typer.Context, value: Any) -> Any:  # noqa: ANN401 - whatever it is of
        if isinstance(value, str):
            message = f"`{value}` is not a {kind}; write one of {bounds}"
            note(context, Fault(option, None, None, "", message))
        elif value is not None and not least <= value <= (value if most is None else most):
            message = f"`{value:g}` is out of range; it must be {bounds}"
            note(context, Fault(option, None, None, "", message))
        return value

    return check


def stated_or(context: typer.Context, option: str, value: Any, default: Any) -> Any:  # noqa: ANN401 - whatever it is of
    """Return what an option states, or a default where that was refused.

    Parameters
    ----------
    context
        Of the command.
    option
        Name of the option in messages.
    value, default
        What it states, and what stands in for it.
    """
    refused = {fault.file for fault in context.meta.get(_NOTED, [])}
    return default if option in refused else value


def count_option(option: str, text: str) -> Any:  # noqa: ANN401 - what typer takes
    """Return the declaration of an option that takes a whole number from 1.

    Parameters
    ----------
    option
        Name of the option.
    text
        Its help.
    """
    return typer.Option(option, parser=whole, callback=within(option, 1), metavar="N", help=text)


def ending(option: str, *endings: str) -> Callable[..., Any]:
    """Return the callback of an option that takes a file whose name says what is written.

    Parameters
    ----------
    option
        Name of the option in messages.
    endings
        Endings that it may have, with their dots.
    """

    def check(context: typer.Context, value: Any) -> Any:  # noqa: ANN401 - a path or none
        if value is not None and value.suffix.lower() not in endings:
            message = f"is neither {' nor '.join(endings)}; the name says which of them is written"
            note(context, Fault(str(value), None, None, option, message))
        return value

    return check


def possible(option: str, why_not: Callable[[], str | None]) -> Callable[..., Any]:
    """Return the callback of an option that may be impossible here, whatever its value.

    Parameters
    ----------
    option
        Name of the option in messages.
    why_not
        Returns why it is, ``None`` when it is not.
    """

    def check(context: typer.Context, value: Any) -> Any:  # noqa: ANN401 - whatever it is of
        reason = None if value is None else why_not()
        if reason is not None:
            note(context, Fault("", None, None, f"{option} {value}", reason))
        return value

    return check


def one_of(
    option: str, choices: Callable[[], Collection[str]], refusal: str
) -> Callable[..., Any]:
    """Return the callback of an option that takes one of a few names, or a list of them.

    Parameters
    ----------
    option
        Name of the option in messages.
    choices
        Returns what may be given.
    refusal
        What any other name is, as in ``not a solver``.
    """

    def check(context: typer.Context, value: Any) -> Any:  # noqa: ANN401 - a name or a list
        for name in [value] if isinstance(value, str) else value or ():
            if name not in choices():
                message = not_among(name, choices(), refusal)
                note(context, Fault(option, None, None, "", message))
        return value

    return check


def not_among(name: str, choices: Collection[str], refusal: str) -> str:
    """Return that a name is none of those that may be given."""
    return f"`{name}` is {refusal}; use {' or '.join(choices)}"


def require_stated(
    context: typer.Context,
    check: Callable[[], object] | None = None,
    outcome: str = NOTHING_SOLVED,
) -> None:
    """Raise what options of a command noted, with what is wrong in its files.

    Parameters
    ----------
    context
        Of the command.
    check
        Reads the files of the command, and raises their faults.
    outcome
        What did not happen then.

    Raises
    ------
    InputError
        With every fault, when an option has one.
    """
    faults: list[Fault] = context.meta.get(_NOTED, [])
    if not faults:
        return
    next_step = f"planner {_name(context)} --help"
    try:
        if check is not None:
            check()
    except InputError as error:
        faults, next_step = [*faults, *error.faults], error.next_step or next_step
    raise InputError(faults, next_step, outcome)


def _name(context: typer.Context) -> str:
    """Return the words of a command after that of the program."""
    names: list[str] = []
    here = context
    while here.parent is not None:
        names.insert(0, here.info_name or "")
        here = here.parent  # type: ignore[assignment]
    return " ".join(names)


def note(context: typer.Context, fault: Fault) -> None:
    """Note what is wrong with an option, for :func:`require_stated` to raise.

    Parameters
    ----------
    context
        Of the command.
    fault
        What is wrong.
    """
    context.meta.setdefault(_NOTED, []).append(fault)

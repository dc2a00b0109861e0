"""Prompts of replicas whose groups of devices compute different requests in common steps.

With data-parallel attention a prompt is computed by one of D groups. Requests that arrive during
a step start together in the next one. With ``x = lam t_d`` requests in a step that only decodes,
the first step with prompts after it carries ``m_0 = x / (1 - exp(-x))``. With ``a = lam n t``
prompt steps that fall due in the time of a step with prompts, no further one follows with
probability exp(-a), so that the steps with prompts carry on average::

    m = a + m_0 exp(-a)       rho = a / m           share of time in steps with prompts

which is exact for Poisson arrivals and steps of one length. m is at most what the token budgets
of all groups have room for.

A step takes as long as its fullest group, and the others wait. With P the mean prompt and L(a) the
mean of the longest of a Poisson number of prompts with mean a, given that there are any, the
fullest group has ``(1 - exp(-a)) L(a) + exp(-a) L(x)`` tokens; where steps have m > D prompts,
``P m / D + (L(D) - P) sqrt(m / D)``; but never more than its budget. Beside a prompt others have
come in the time in which it waited: ``rho a + (1 - rho) x`` of them.

Source: a queue with service in bulk of all that wait (Bailey, 1954).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.bracket import smooth_zeros

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from planner.perf.spec import Floats
    from planner.perf.step import StepModel

_TOLERANCE = 1e-9
_ROUNDS = 2
_TINY = np.finfo(float).tiny
_LEAST_DUE = 1e-6
"""Prompt steps due in the time of a step, below which none ever shares one."""
_EXPECTED = 2.0 ** np.arange(-6, 8)
"""Mean numbers of prompts for which the longest is tabulated."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What prompts are to n options in some states; arrays of shape (n,) or (n, k).

    Parameters
    ----------
    tokens, pairs
        Tokens of a mean prompt in one of its steps, > 0, and the pairs that they attend to.
    steps
        Steps that a prompt takes, >= 1.
    room
        Prompt tokens for which a group has room in a step.
    groups
        Groups D of every option.
    riding, cached
        Decodes that share its steps, and the cached tokens that they read.
    decode_s
        Time for which arrivals wait for a step that only decodes, seconds.
    longest
        As of :func:`longest_ratios`.
    """

    tokens: Floats
    pairs: Floats
    steps: Floats
    room: Floats
    groups: Floats
    riding: Floats
    cached: Floats
    decode_s: Floats
    longest: Floats

    @property
    def most(self) -> Floats:
        """Prompts for which a step has room, at least one for every group."""
        return np.asarray(self.groups * np.maximum(self.room / self.tokens, 1.0), dtype=float)

    def arrived(self, due: Floats, step_s: Floats) -> Floats:
        """Return the requests x that come in a step that only decodes, of the shape of `due`.

        Parameters
        ----------
        due, step_s
            Prompt steps a that fall due in the time of a step with prompts, >= 0, and that time,
            seconds.
        """
        return np.asarray(due / (self.steps * step_s) * self.decode_s, dtype=float)

    def in_step(self, due: Floats, arrived: Floats) -> Floats:
        """Return the mean prompts m of a step that has some, of the shape of `due`, >= 1."""
        first = arrived / -np.expm1(-np.maximum(arrived, _LEAST_DUE))
        count = due + np.maximum(first, 1.0) * np.exp(-due)
        return np.asarray(np.clip(count, 1.0, self.most), dtype=float)

    def fullest_tokens(self, due: Floats, arrived: Floats, count: Floats) -> Floats:
        """Return the prompt tokens of the fullest group in steps with `count` prompts."""
        each = np.maximum(count / self.groups, 1.0)
        further = longest_of(self.longest, np.minimum(due, self.groups))
        first = longest_of(self.longest, np.minimum(arrived, self.groups))
        none = np.exp(-due)
        excess = (1.0 - none) * further + none * first - 1.0
        fullest = self.tokens * (each + excess * np.sqrt(each))
        return np.asarray(np.minimum(fullest, np.maximum(self.room, self.tokens)), dtype=float)


@dataclass(frozen=True, slots=True)
class CommonSteps:
    """Steps that prompts of several groups have in common; arrays of one shape.

    Where there is one group, a prompt is alone and has no others beside it.

    Parameters
    ----------
    steps, step_s
        Steps that a prompt takes, and the time of one, seconds.
    prompts
        Prompts m of a step that has some, >= 1.
    other_tokens, fullest_tokens
        Tokens of the other prompts beside one, and of the longest of them where there are any.
    some
        Probability that there are any.
    """

    steps: Floats
    step_s: Floats
    prompts: Floats
    other_tokens: Floats
    fullest_tokens: Floats
    some: Floats

    def take(self, rows: slice | NDArray[np.intp]) -> CommonSteps:
        """Return some of the rows, in their order."""
        return CommonSteps(*(getattr(self, name)[rows] for name in self.__slots__))

    def among(self, rows: NDArray[np.intp], shape: tuple[int, ...]) -> CommonSteps:
        """Return these as `rows` of arrays of a shape, whose others are options with one group."""
        alone = {"steps": 1.0, "prompts": 1.0}
        return CommonSteps(
            *(
                placed(np.full(shape, alone.get(name, 0.0)), rows, getattr(self, name))
                for name in self.__slots__
            )
        )


def placed(values: Floats, rows: NDArray[np.intp], own: Floats | float) -> Floats:
    """Return a copy of some values, with others in `rows`."""
    changed = values.copy()
    changed[rows] = own
    return changed


def longest_ratios(tokens: Floats, weight: Floats) -> Floats:
    """Return the mean of the longest prompt of a Poisson number over that of one, shape (k,).

    Parameters
    ----------
    tokens, weight
        Lengths, > 0, and their probabilities, shape (m,), sum 1.
    """
    order = np.argsort(tokens)
    longer = np.maximum(1.0 - np.cumsum(weight[order]), 0.0)
    # Of a Poisson number of prompts none is longer with probability exp(-a (1 - F)).
    none_longer = np.exp(-_EXPECTED[:, None] * longer)
    shares = np.diff(none_longer, axis=1, prepend=np.exp(-_EXPECTED)[:, None])
    mean = shares @ tokens[order] / -np.expm1(-_EXPECTED)
    return np.asarray(mean / (weight @ tokens), dtype=float)


def longest_of(ratios: Floats, expected: Floats) -> Floats:
    """Return the same for any mean number of prompts; 1 where it tends to 0."""
    known = np.concatenate([[0.0], _EXPECTED])
    return np.asarray(np.interp(expected, known, np.concatenate([[1.0], ratios])), dtype=float)


def grouped_step_s(  # noqa: PLR0917
    step: StepModel,
    tokens: Floats,
    fullest_tokens: Floats,
    fullest_pairs: Floats,
    riding: Floats,
    cached: Floats,
) -> Floats:
    """Return the time of steps with prompts of some groups, for which the others wait, seconds.

    Parameters
    ----------
    step
        Options, n of them; all arguments have the shape (n,) or (n, k).
    tokens
        Prompt tokens of all groups.
    fullest_tokens, fullest_pairs
        Those of the group with the most, and the pairs that they attend to.
    riding, cached
        Decodes that share the step, and the cached tokens that they read.
    """
    groups = step.groups.reshape(step.groups.shape + (1,) * (tokens.ndim - 1))
    idle = np.maximum(groups * fullest_tokens - tokens, 0.0)
    return step.time_s(tokens + riding, cached, groups * fullest_pairs, riding, idle)


def common_steps(step: StepModel, prompts: Prompts, due: Floats) -> CommonSteps:
    """Return the steps in which `due` prompt steps fall due in the time of one."""
    count, step_s, arrived = _common_step(step, prompts, due)
    busy = np.minimum(due / count, 1.0)
    others = np.minimum(busy * due + (1.0 - busy) * arrived, prompts.most - 1.0)
    return CommonSteps(
        steps=prompts.steps,
        step_s=step_s,
        prompts=count,
        other_tokens=others * prompts.tokens,
        fullest_tokens=prompts.fullest_tokens(others, others, np.maximum(others, 1.0)),
        some=-np.expm1(-others),
    )


def due_at_rate(step: StepModel, prompts: Prompts, rate_rps: Floats) -> Floats:
    """Return the prompt steps that fall due in the time of a step, at a rate of requests/s."""

    def excess(due: Floats) -> Floats:
        _, step_s, _ = _common_step(step, prompts, due)
        return _ln_ratio(due, rate_rps * prompts.steps * step_s)

    return _due(excess, prompts.most)


def due_with_batch(  # noqa: PLR0917
    step: StepModel,
    prompts: Prompts,
    batch: Floats,
    decode_s: Floats,
    output_gaps: float,
    is_chunked: NDArray[np.bool_],
) -> Floats:
    """Return the same in the balance in which a replica holds `batch` decodes.

    Parameters
    ----------
    decode_s
        Time of a step that only decodes, of the shape of `batch`, seconds.
    output_gaps
        Mean steps of a request after that of its first token, >= 0.
    is_chunked
        Whether steps with prompts make tokens too, broadcastable to `batch`.
    """

    def excess(due: Floats) -> Floats:
        count, step_s, _ = _common_step(step, prompts, due)
        gaps_per_s = np.where(is_chunked, due / (count * step_s), 0.0)
        gaps_per_s = gaps_per_s + np.maximum(1.0 - due / count, 0.0) / decode_s
        # Little's law: b = lam G / gaps per second, with lam = a / (n t).
        rate_rps = due / (prompts.steps * step_s)
        return _ln_ratio(rate_rps * output_gaps, batch * gaps_per_s)

    return _due(excess, prompts.most)


def _common_step(step: StepModel, prompts: Prompts, due: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean prompts and time (s) of steps that have some, and what comes in others."""
    arrived, count = np.zeros_like(due), np.minimum(due + np.exp(-due), prompts.most)
    for _ in range(_ROUNDS):
        fullest = prompts.fullest_tokens(due, arrived, count)
        pairs = fullest * prompts.pairs / prompts.tokens
        tokens = count * prompts.tokens
        step_s = grouped_step_s(step, tokens, fullest, pairs, prompts.riding, prompts.cached)
        arrived = prompts.arrived(due, step_s)
        count = prompts.in_step(due, arrived)
    return count, step_s, arrived


def _ln_ratio(value: Floats, limit: Floats) -> Floats:
    """Return ln of a value over its limit, finite, above 0 where both are 0."""
    ratio = np.log(np.maximum(value, 2 * _TINY)) - np.log(np.maximum(limit, _TINY))
    return np.asarray(ratio, dtype=float)


def _due(excess: Callable[[Floats], Floats], most: Floats) -> Floats:
    """Return the prompt steps due at which a logarithm that grows with them is 0."""
    low = np.full_like(most, np.log(_LEAST_DUE))
    ln_due = smooth_zeros(lambda x: excess(np.exp(x)), low, np.log(most), _TOLERANCE)
    return np.asarray(np.exp(ln_due), dtype=float)

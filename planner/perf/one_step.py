"""Time of one engine step of one option as a quick function of plain numbers.

The formulas are those of :mod:`planner.perf.step`, for callers that ask millions of times for one
step each: a simulation forms every step from the requests that are there. Steps that only decode
are linear in the cached tokens, apart from layers with a window::

    t(b, KV) = t(b, 0) + KV kv + min(KV, window b) kv_window

so that a run of k such steps with the same b requests, each of which adds b tokens, has a sum in
closed form.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.perf.step import StepModel

_LEAST_VARIANCE = 1e-9
_TINY = 1e-300


class OneStep:
    """Step time of one option; drafts are not covered.

    Parameters
    ----------
    model
        Step model of n options.
    option
        Position of the option, 0 to n - 1.

    Raises
    ------
    ValueError
        When the option drafts tokens.
    """

    __slots__ = (
        "_decode_s", "_dense", "_direct_s", "_experts", "_fixed_s", "_head_s", "_inverse",
        "_launch_s", "_moved_s", "_overlap", "_pair_s", "_pair_window_s", "_read_s", "_request_s",
        "_ring_s", "kv_token_s", "kv_window_token_s", "window_tokens",
    )  # fmt: skip

    def __init__(self, model: StepModel, option: int = 0) -> None:
        if model.draft is not None and model.draft.tokens[option] > 0:
            msg = "an option that drafts tokens has no step time in plain numbers"
            raise ValueError(msg)

        def value(name: str) -> float:
            return float(getattr(model, name)[option])

        self._read_s, self._dense = value("dense_read_s"), value("dense_token_s")
        self._head_s, self._overlap = value("head_request_s"), value("overlap")
        self._inverse = 1.0 / self._overlap
        self.kv_token_s = value("kv_token_s")
        self.kv_window_token_s = value("kv_window_token_s")
        self.window_tokens = value("window_tokens")
        self._pair_s, self._pair_window_s = value("pair_s"), value("pair_window_s")
        self._moved_s = value("activation_token_s") + value("network_token_s")
        self._direct_s, self._ring_s = value("direct_token_s"), value("ring_s")
        self._fixed_s, self._request_s = value("fixed_s"), value("request_s")
        self._launch_s = value("launch_s")
        names = ("read_s", "token_s", "miss_log", "variance", "skew", "hit_skew", "skew_limit")
        experts = tuple(value(f"expert_{name}") for name in names)
        self._experts = experts if experts[0] else None
        self._decode_s: list[float] = [0.0]

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """Return what it is made of: the same step, whatever has been asked of it before."""
        return None, {
            name: [0.0] if name == "_decode_s" else getattr(self, name) for name in self.__slots__
        }

    def time_s(
        self, tokens: float, cached: float, pairs: float, decodes: float, idle: float = 0.0
    ) -> float:
        """Return the time of one step, seconds.

        Parameters
        ----------
        tokens
            Tokens processed, decodes included, > 0.
        cached
            Cached tokens that the decodes read, >= 0.
        pairs
            Pairs of a prompt token and a position it attends to, >= 0.
        decodes
            Requests that decode, >= 0.
        idle
            Tokens that groups without a prompt could have processed meanwhile, >= 0.
        """
        waited = tokens + idle
        compute = waited * self._dense + (decodes + 1.0) * self._head_s
        time_s = self._soft_max(compute, self._read_s) + cached * self.kv_token_s
        time_s += pairs * self._pair_s + self._fixed_s + decodes * self._request_s
        time_s += waited * self._moved_s
        if self._direct_s:
            time_s += min(waited * self._direct_s, self._ring_s)
        if self.kv_window_token_s:
            window = self.window_tokens
            time_s += min(cached, window * decodes) * self.kv_window_token_s
            time_s += min(pairs, window * max(waited - decodes, 0.0)) * self._pair_window_s
        if self._experts is not None:
            time_s += self._experts_s(tokens, *self._experts)
        if tokens > decodes and time_s < self._launch_s:
            return self._launch_s
        return time_s

    def decode_s(self, batch: int) -> float:
        """Return the time of a step in which `batch` requests decode, without their cache."""
        known = self._decode_s
        while len(known) <= batch:
            count = float(len(known))
            known.append(self.time_s(count, 0.0, 0.0, count))
        return known[batch]

    def decodes_s(self, batch: int, cached: float, steps: int) -> float:
        """Return the time of `steps` steps in a row in which the same requests decode, seconds.

        Parameters
        ----------
        batch
            Requests, >= 1.
        cached
            Cached tokens that the first step reads, >= 0; every step adds `batch`.
        steps
            Steps, >= 0.
        """
        read = steps * cached + batch * (steps * (steps - 1) / 2)
        time_s = steps * self.decode_s(batch) + read * self.kv_token_s
        if not self.kv_window_token_s:
            return time_s
        most = self.window_tokens * batch
        growing = min(max(math.ceil((most - cached) / batch), 0), steps)
        near = growing * cached + batch * (growing * (growing - 1) / 2)
        return time_s + (near + (steps - growing) * most) * self.kv_window_token_s

    def decode_steps(self, batch: int, cached: float, time_s: float, most: int) -> int:
        """Return the fewest steps, 1 to `most`, that take `time_s` or longer; else `most`.

        Parameters
        ----------
        batch, cached
            As of :meth:`decodes_s`.
        time_s
            Time to fill, seconds, >= 0.
        most
            Steps at most, >= 1.
        """
        if self.kv_window_token_s:
            return self._halving(batch, cached, time_s, most)
        grown = batch * self.kv_token_s / 2
        first = self.decode_s(batch) + cached * self.kv_token_s - grown
        # The root of grown k^2 + first k = time_s in the form that bears grown = 0.
        root = 2.0 * time_s / (first + math.sqrt(first * first + 4.0 * grown * time_s))
        steps = min(max(math.ceil(root), 1), most)
        while steps > 1 and self.decodes_s(batch, cached, steps - 1) >= time_s:
            steps -= 1
        while steps < most and self.decodes_s(batch, cached, steps) < time_s:
            steps += 1
        return steps

    def _halving(self, batch: int, cached: float, time_s: float, most: int) -> int:
        low, high = 1, most
        while low < high:
            middle = (low + high) // 2
            if self.decodes_s(batch, cached, middle) >= time_s:
                high = middle
            else:
                low = middle + 1
        return low

    def _soft_max(self, first: float, second: float) -> float:
        low, high = (first, second) if first < second else (second, first)
        if low <= 0.0:
            return high
        return float(high * (1.0 + (low / high) ** self._overlap) ** self._inverse)

    def _experts_s(  # noqa: PLR0917
        self,
        tokens: float,
        read_s: float,
        token_s: float,
        miss_log: float,
        variance: float,
        skew: float,
        hit_skew: float,
        limit: float,
    ) -> float:
        spread = max(variance, _LEAST_VARIANCE)
        hit = -math.expm1(-math.log1p(-spread * tokens * miss_log) / spread)
        choices = tokens * token_s
        if skew:
            choices *= 1.0 + min(skew / math.sqrt(max(tokens, _TINY)), limit)
            missed = math.sqrt((1.0 - hit) / max(hit, _TINY))
            hit = min(hit * (1.0 + min(hit_skew * missed, limit)), 1.0)
        return self._soft_max(choices, hit * read_s)

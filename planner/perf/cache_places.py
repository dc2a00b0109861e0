"""How many requests the KV cache of a replica holds on average, and what makes room for them.

A paged cache takes a prompt when blocks for all of it are free, and a block for every 16 tokens
that a decode makes. It is never full of decodes: with C tokens of cache, prompts of I tokens and a
share rho of time in which a prompt is computed, ::

    unused = E[I^2] / (2 E[I])
    prompt = rho E[I^2] / E[I]
    b      = (C - unused - prompt) / resident tokens of a decoding request

The next prompt waits until all of it fits, so the room before it is anything from nothing to its
size: half of it on average, large ones for longer. The prompt that is being computed has its
blocks already and decodes nothing. One request that fits as a whole always runs.

When no block is free, decodes grow at the expense of the newest request: it is preempted, and
computed again. A request of O output tokens leaves O more than the next prompt takes; further
prompts take that at once, so the O tokens by which decodes grow until the next request leaves are
taken back from those prompts. While a prompt is being computed its room is not to be had by
another. So a replica whose cache is full computes ``(1 - rho) E[O]`` tokens of prompts again for
every request.

Against step-by-step simulations of full caches the rate is right to 2 % where the cache holds five
requests or more and outputs are not much longer than prompts. Where outputs are ten times longer
it is 1 to 7 % high with 5 to 15 requests, and more with fewer: what is preempted needs more room
than a fresh prompt.

Source: residual of a renewal process; the block manager and the scheduler of vLLM, which preempts
the newest request by recomputing it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from planner.perf.moments import TrafficMeans
    from planner.perf.spec import EngineLimits, Floats


def batch_cap(
    engine: EngineLimits,
    means: TrafficMeans,
    kv_capacity_tokens: Floats,
    prompt_share: Floats | float = 0.0,
) -> Floats:
    """Return the most requests that decode at once, by settings and by memory, shape (n,).

    Parameters
    ----------
    engine, means
        Settings of n options, and the requests.
    kv_capacity_tokens
        Tokens the cache of a replica holds, shape (n,), >= 0.
    prompt_share
        Share of time in which a prompt is being computed, scalar or (n,), 0 to 1.
    """
    resident = means.resident_tokens + engine.state_tokens
    taken = (0.5 + prompt_share) * means.computed_tokens
    single = np.minimum(kv_capacity_tokens / resident, 1.0) * (1.0 - prompt_share)
    by_cache = np.maximum((kv_capacity_tokens - taken) / resident, single)
    return np.asarray(np.minimum(engine.max_num_seqs, by_cache), dtype=float)


def recomputed_tokens(means: TrafficMeans, prompt_share: Floats) -> Floats:
    """Return the tokens that a replica with a full cache computes again per request, (n,)."""
    return np.asarray((1.0 - prompt_share) * means.output_tokens, dtype=float)

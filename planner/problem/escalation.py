"""Escalation: a first answer by a small model, and a stated share retried on a larger one.

A workload that may escalate is planned as up to three streams, the program decides how much goes
where in every block::

    chat         answered directly, as without escalation
    chat/first   first answers of the chain, by the models of `first`
    chat/then    second answers, by the models of `then`: `share` of the first ones

The streams of the chain run in pools of their own, so that what is answered directly is planned as
ever. A second answer is asked with the prompt of the first and has its lengths.

**Latency.** An escalated request has waited for its whole first answer. `first_answer_ms` (A) is
set aside for it: limits that count from arrival (time to first token, end to end) are kept by
first answers within A end to end, and second answers within what A leaves. A percentile p allows
``e = 1 - p`` of the requests to be late. Nothing is assumed about which requests are escalated
(they may be the long ones), so late first and second answers are added up, by the union bound:

* without limits of its own, requests of the chain keep the limits of the workload together: half
  of e may be late for each answer,
  ``P(first > A) + share P(then > L - A) <= e/2 + share e/2 <= e``;
* with `escalation.slo`, escalated requests keep these limits among themselves, so first answers
  are within A for all but ``share e/2`` of them, and second answers for all but e/2. Requests that
  are not escalated keep the limits of the workload among themselves: first answers for all but
  ``(1 - share) e``.

Limits on a mean leave ``L - A`` too, with the mean first answer within A; means of the escalated
requests alone, and of times per token, take it that escalation does not depend on speed.

**Quality.** The score of the chain is stated per benchmark (`escalation.quality_scores`), or taken
as if requests were escalated at random, ``(1 - share) score(first) + share score(then)``: a router
that finds the bad answers does better, and may state so. Floors on each model hold for the chain
as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from planner.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Escalation, Problem, QualityFloor, Slo, Workload
    from planner.yaml_io import Path_

FIRST, THEN = "/first", "/then"
AVERAGE = "average"
"""`over` of a floor that requests have to meet on average."""
_FROM_ARRIVAL = ("ttft_ms", "e2e_ms")
_HALF = 0.5

Answer = Literal["", "first", "then"]
Finding = tuple["Path_", str]


def answer_of(name: str) -> Answer:
    """Return which answer of a chain a stream or a pool is for, empty for none.

    Parameters
    ----------
    name
        Name of a stream or a pool.
    """
    if name.endswith(FIRST):
        return "first"
    return "then" if name.endswith(THEN) else ""


def models_of(stream: Workload) -> frozenset[str] | None:
    """Return the models that may serve a stream of a chain, ``None`` for any.

    Parameters
    ----------
    stream
        A workload, or a stream of one.
    """
    answer, chain = answer_of(stream.name), stream.escalation
    if not answer or chain is None:
        return None
    return frozenset(chain.first if answer == "first" else chain.then)


def chain_streams(workload: Workload) -> Iterator[Workload]:
    """Yield the streams of the chain of a workload, each as a workload of its own.

    Parameters
    ----------
    workload
        The workload.
    """
    chain = workload.escalation
    if chain is None:
        return
    floors = chain_floors(workload)
    quality = [floor.model_copy(update={"over": AVERAGE}) for floor in floors]
    for suffix, slo in ((FIRST, first_slo(workload)), (THEN, then_slo(workload))):
        update = {"name": workload.name + suffix, "pool": workload.pool_name + suffix}
        yield workload.model_copy(update={**update, "slo": slo, "quality": quality})


def chain_floors(workload: Workload) -> list[QualityFloor]:
    """Return the floors of a workload, those on the average first, in their order.

    Parameters
    ----------
    workload
        The workload.
    """
    return sorted(workload.quality, key=lambda floor: floor.over != AVERAGE)


def first_slo(workload: Workload) -> list[Slo]:
    """Return the limits of first answers (see the module).

    Parameters
    ----------
    workload
        A workload that may escalate.
    """
    chain = workload.escalation
    if chain is None:
        return workload.slo
    own = _HALF if chain.slo is None else 1 - chain.share
    aside = _HALF if chain.slo is None else chain.share * _HALF
    limits = [_late(slo, own) for slo in workload.slo]
    timed = [slo for slo in _asked(workload, chain) if slo.metric in _FROM_ARRIVAL]
    tails = [_late(slo, aside) for slo in timed if slo.percentile != "mean"]
    means = [slo for slo in timed if slo.percentile == "mean"]
    strictest = sorted(tails, key=lambda slo: float(slo.percentile))[-1:]
    update = {"metric": "e2e_ms", "limit": chain.first_answer_ms}
    return limits + [slo.model_copy(update=update) for slo in (*strictest, *means[:1])]


def then_slo(workload: Workload) -> list[Slo]:
    """Return the limits of second answers, counted from when they are asked.

    Parameters
    ----------
    workload
        A workload that may escalate.
    """
    chain = workload.escalation
    if chain is None:
        return workload.slo
    aside_ms = chain.first_answer_ms or 0.0
    limits = []
    for slo in _asked(workload, chain):
        less_ms = aside_ms if slo.metric in _FROM_ARRIVAL else 0.0
        late = _late(slo, _HALF)
        limits.append(late.model_copy(update={"limit": slo.limit - less_ms}))
    return limits


def _asked(workload: Workload, chain: Escalation) -> list[Slo]:
    """Return the limits of escalated requests, from their arrival."""
    return workload.slo if chain.slo is None else chain.slo


def _late(slo: Slo, factor: float) -> Slo:
    """Return a limit of which only a share of the late requests may be late."""
    if slo.percentile == "mean":
        return slo
    return slo.model_copy(update={"percentile": 100 - factor * (100 - slo.percentile)})


def escalation_findings(workload: Workload, problem: Problem, path: Path_) -> Iterator[Finding]:
    """Yield contradictions of a workload that may escalate.

    Parameters
    ----------
    workload, problem
        The workload, and its problem.
    path
        Its path in the problem.
    """
    chain = workload.escalation
    if chain is None:
        return
    path = (*path, "escalation")
    if workload.deferrable is not None:
        yield path, "is not planned together with `deferrable`; make two workloads of it"
    if problem.policy.survive_loss_of is not None:
        yield path, "is not planned together with `policy.survive_loss_of`; leave one out"
    yield from _models(chain, problem, path)
    yield from _first_answer(workload, chain, path)
    yield from _scores(workload, chain, problem, path)


def _models(chain: Escalation, problem: Problem, path: Path_) -> Iterator[Finding]:
    candidates = problem.candidates.models
    for field, names in (("first", chain.first), ("then", chain.then)):
        for i, name in enumerate(names):
            if field == "then" and name in chain.first:
                message = f"`{name}` is in `first` too; a retry on the same model is none"
                yield (*path, field, i), message
            elif candidates and name not in candidates:
                hint = did_you_mean(name, candidates)
                message = f"`{name}` is not among `candidates.models`{hint or '; add it there'}"
                yield (*path, field, i), message


def _first_answer(workload: Workload, chain: Escalation, path: Path_) -> Iterator[Finding]:
    timed = [slo for slo in _asked(workload, chain) if slo.metric in _FROM_ARRIVAL]
    if not timed:
        return
    if chain.first_answer_ms is None:
        message = (
            "`first_answer_ms` is missing: limits on ttft_ms and e2e_ms count from the arrival, "
            "and an escalated request waits for its first answer; say how long that may take"
        )
        yield path, message
        return
    tightest = min(timed, key=lambda slo: slo.limit)
    if chain.first_answer_ms >= tightest.limit:
        message = (
            f"{chain.first_answer_ms:g} ms leave nothing of the limit of {tightest.limit:g} ms on "
            f"{tightest.metric} of escalated requests; give a shorter time, or `escalation.slo` "
            "with the limits that these may have"
        )
        yield (*path, "first_answer_ms"), message


def _scores(
    workload: Workload, chain: Escalation, problem: Problem, path: Path_
) -> Iterator[Finding]:
    brought = {(s.model, s.benchmark) for s in workload.quality_scores if s.quantization == "bf16"}
    for i, score in enumerate(chain.quality_scores):
        here = (*path, "quality_scores", i)
        floors = [f for f in workload.quality if f.benchmark == score.benchmark]
        if not floors:
            yield (*here, "benchmark"), f"no floor of `quality` is on `{score.benchmark}`"
        if problem.policy.quality_evidence == "measured":
            yield here, "is assumed, and `policy.quality_evidence: measured` refuses such scores"
        for floor in floors:
            if (
                floor.min_relative is not None
                and (floor.reference, score.benchmark) not in brought
            ):
                message = (
                    f"the floor is relative to {floor.reference or 'the model itself'}: bring its "
                    "bf16 score in `quality_scores` of the workload, measured alike"
                )
                yield (*here, "score"), message

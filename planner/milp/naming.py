"""Sentences for the short names of variables and rows.

A name is a prefix and positions (``n_0_3_1_4``). Each prefix has the kinds of its positions, in
order, and a sentence; the table is what LP files, diagnoses and reports translate names with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.milp.domains import losses, place_label, places, providers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.milp.records import ApiLimit, BudgetLimit
    from planner.milp.sets import Sets
    from planner.options.average_floors import AverageFloor

_SENTENCES: dict[str, tuple[str, str]] = {
    "n": ("pctb", "replicas of {c} in pool {p}, {t}, {b}"),
    "y": ("pctb", "{c} is in use in pool {p}, {t}, {b}"),
    "e": ("pctb", "idle replicas of {c} in pool {p}, {t}, {b}"),
    "r": ("ctb", "idle capacity in replicas of {c}, {t}, {b}"),
    "f": ("wctb", "planned rate of {w} on {c}, {t}, {b}"),
    "a": ("witb", "planned rate of {w} on {i}, {t}, {b}"),
    "d": ("wtb", "rate at which {w} is served, {t}, {b}"),
    "q": ("gtk", "work of {g} that waits at midnight, {t}, type of day {k}"),
    "x": ("ctb", "batch replicas of {c} that start, {t}, {b}"),
    "g": ("ctb", "batch replicas of {c} that end, {t}, {b}"),
    "j": ("wtb", "planned rate of {w} through its chain, {t}, {b}"),
    "l": ("wtb", "planned rate of {w} that stays unserved, {t}, {b}"),
    "N": ("otb", "nodes of {o}, {t}, {b}"),
    "z": ("ktb", "nodes of shape group {k} are there, {t}, {b}"),
    "s": ("otb", "nodes of {o} started, {t}, {b}"),
    "loads": ("ctb", "replicas like {c} that load before the block, {t}, {b}"),
    "gives": ("hktb", "batch replicas on {h} are fewer after the turn ({k}), {t}, {b}"),
    "h": ("catb", "replicas of {c} at {a}, {t}, {b}"),
    "k": ("wcltb", "planned rate of {w} on {c} after the loss of {l}, {t}, {b}"),
    "base": ("ot", "nodes of {o} that are there all day, {t}"),
    "B": ("ok", "nodes of {o} taken on in build {k}"),
    "staff": ("t", "people for owned nodes, {t}"),
    "rentstaff": ("t", "people for rented nodes, {t}"),
    "tokenstaff": ("t", "people for tokens, {t}"),
    "offerstaff": ("it", "people for tokens of {i}, {t}"),
    "M": ("xt", "model {x}, which costs beyond serving, is used, {t}"),
    "F": ("xt", "model {x} is paid for the first time, {t}"),
    "serves": ("wmt", "model {m} serves {w}, {t}"),
    "moves": ("wmt", "model {m} begins to serve {w}, {t}"),
    "more": ("w", "models beyond one that serve {w} in the first period"),
    "buy": ("zk", "increments of {z} taken on in term {k}"),
    "P": ("ztb", "increments of {z} that are there, {t}, {b}"),
    "on": ("zt", "there are units of {z}, {t}"),
    "spend": ("ek", "USD per hour of {e} promised in term {k}"),
    "C": ("etb", "USD per hour of {e} that is promised, {t}, {b}"),
    "c": ("eotb", "nodes of {o} that {e} covers, {t}, {b}"),
    "U": ("otb", "nodes of {o} at the on-demand price, {t}, {b}"),
    "any": ("et", "something of {e} is promised, {t}"),
    "tier": ("ntk", "spending of a month in tier {k} of {n}, {t}"),
    "reached": ("ntk", "tier {k} of {n} is reached, {t}"),
    "amount": ("ntk", "tokens of a month in tier {k} of {n}, {t}"),
    "ordered": ("os", "nodes of {o} are ordered, from {s}"),
    "at": ("nsk", "terms of {n} at the price of tier {k}, from {s}"),
    "W": ("htb", "load of bought nodes of {h}, {t}, {b}"),
    "Z": ("htb", "bought nodes of {h} carry all load, {t}, {b}"),
    "u": ("m", "model {m} is used"),
    "v": ("h", "hardware {h} is used"),
    "demand": ("wtb", "the planned rate of {w} is served, {t}, {b}"),
    "answers": ("wtb", "{w} answers what goes through the chain, {t}, {b}"),
    "daywork": ("gtk", "a day's work of {g} is served within the day, {t}, type of day {k}"),
    "backlog": ("gtkk", "{g} is served after it arrived, {t}, type of day and hour {k}"),
    "window": ("gtkk", "{g} is served within its window, {t}, type of day and hour {k}"),
    "rush": ("gtkk", "{g} is begun in time where it takes longest, {t}, type of day and time {k}"),
    "begin": ("ctb", "new batch replicas of {c} are loaded, {t}, {b}"),
    "end": ("ctb", "batch replicas of {c} that end leave time for their successors, {t}, {b}"),
    "spotshare": ("tb", "share of batch accelerators on spot nodes, {t}, {b}"),
    "avgquality": ("ftb", "{f}, {t}, {b}"),
    "capacity": ("pctb", "{c} in pool {p} carries no more than its replicas can, {t}, {b}"),
    "tighten": ("wctb", "{w} needs a whole replica of {c} to use it, {t}, {b}"),
    "bracketlow": ("pctb", "{c} in pool {p} has the replicas its capacity assumes, {t}, {b}"),
    "brackethigh": ("pctb", "{c} in pool {p} stays below the next bracket, {t}, {b}"),
    "bracketflow": ("wctb", "{w} uses {c} only where that bracket is in use, {t}, {b}"),
    "bracketone": ("pctb", "one bracket of the option of {c} in pool {p}, {t}, {b}"),
    "packing": ("htbk", "replicas on {h} fit whole nodes (shape group {k}), {t}, {b}"),
    "held": ("otb", "nodes of {o} are those of its builds, {t}, {b}"),
    "parted": ("o", "nodes of {o} stay or are sold once"),
    "staffed": ("okt", "owned nodes of {o} (build {k}) have their people, {t}"),
    "rentstaffed": ("otb", "rented nodes of {o} have their people, {t}, {b}"),
    "nodestaffed": ("wtbk", "{w} on rented or owned nodes has people (kind {k}), {t}, {b}"),
    "tokenstaffed": ("wtb", "tokens for {w} have their people, {t}, {b}"),
    "offerstaffed": ("witb", "tokens of {i} for {w} have their people, {t}, {b}"),
    "start": ("otb", "new nodes of {o} are started, {t}, {b}"),
    "billing": ("otb", "started nodes of {o} run for the minimum billing time, {t}, {b}"),
    "baselow": ("otb", "all-day nodes of {o} are there, {t}, {b}"),
    "elastic": ("otb", "nodes of {o} beyond the all-day minimum can be had, {t}, {b}"),
    "loading": ("ctb", "new replicas like {c} load before the block, {t}, {b}"),
    "turn": ("hktb", "{h} holds what ends and what begins (shape group {k}), {t}, {b}"),
    "turnbefore": ("hktb", "{h} holds what ends and begins, old batches too ({k}), {t}, {b}"),
    "turnafter": ("hktb", "{h} holds what ends and begins, new batches too ({k}), {t}, {b}"),
    "turnstay": ("otb", "nodes of {o} that start stay, {t}, {b}"),
    "turnelastic": ("otb", "nodes of {o} that start beside old ones can be had, {t}, {b}"),
    "turnquota": ("qtb", "quota {q} at the turn, {t}, {b}"),
    "samereplicas": ("pctb", "replicas of {c} in pool {p} are equal all day, {t}, {b}"),
    "samenodes": ("otb", "nodes of {o} are equal all day, {t}, {b}"),
    "sparepool": ("ctb", "idle capacity of the pool in replicas of {c}, {t}, {b}"),
    "spare": ("ctbk", "losing the largest replicas is survived ({c}, option {k}), {t}, {b}"),
    "spareshape": (
        "ctbkk",
        "losing the largest nodes there is survived ({c}, option and shape {k}), {t}, {b}",
    ),
    "shapehere": ("kotb", "nodes of {o} are nodes of shape group {k}, {t}, {b}"),
    "sparemean": ("wtb", "spares of {w} replace at least the mean replica in use, {t}, {b}"),
    "providershare": ("vtb", "share of provider {v}, {t}, {b}"),
    "placed": ("ctb", "replicas of {c} stand somewhere, {t}, {b}"),
    "placepacking": ("atbk", "replicas at {a} fit its nodes (shape group {k}), {t}, {b}"),
    "aftercapacity": ("cltb", "replicas of {c} left after the loss of {l}, {t}, {b}"),
    "afterloss": ("wltb", "{w} is served after the loss of {l}, {t}, {b}"),
    "sameplace": ("catb", "replicas of {c} at {a} are equal all day, {t}, {b}"),
    "quota": ("qtb", "quota {q}, {t}, {b}"),
    "costflow": ("xwtb", "{w} uses model {x} only when it is paid for, {t}, {b}"),
    "costreplicas": ("xctb", "replicas of {c} only when model {x} is paid for, {t}, {b}"),
    "firstused": ("xt", "model {x} is paid for before it is used, {t}"),
    "serveflow": ("wmtb", "{w} uses model {m} only when it is said to, {t}, {b}"),
    "serveshare": ("wmt", "model {m} serves a share of the requests of {w}, or none, {t}"),
    "move": ("wmt", "model {m} is switched to before it serves {w}, {t}"),
    "moremodels": ("w", "models beyond one are switched to before they serve {w}"),
    "budget": ("j", "budget: {j}"),
    "unitsheld": ("ztb", "units of {z} are those of its terms, {t}, {b}"),
    "unitsload": ("ztb", "units of {z} carry no more than they can, {t}, {b}"),
    "unitsleast": ("zt", "least units of {z}, {t}"),
    "unitsmost": ("zt", "most units of {z}, {t}"),
    "spendheld": ("etb", "what is promised of {e} is that of its terms, {t}, {b}"),
    "spendused": ("etb", "{e} covers no more than is promised, {t}, {b}"),
    "spendnodes": ("otb", "nodes of {o} are covered or paid on demand, {t}, {b}"),
    "spendleast": ("et", "least commitment of {e}, {t}"),
    "spendone": ("et", "one tier at a time of {e} and its further tiers, {t}"),
    "spendmost": ("et", "most commitment of {e}, {t}"),
    "tierfull": ("ntk", "the tier below tier {k} of {n} is full first, {t}"),
    "tieropen": ("ntk", "spending in tier {k} of {n} only when it is reached, {t}"),
    "tierfrom": ("ntk", "what tier {k} of {n} asks for, {t}"),
    "tierspent": ("ntk", "spending at the price of tier {k} of {n} only when it is reached, {t}"),
    "tieramount": ("nt", "tiers of {n} hold all tokens, {t}"),
    "tierone": ("nt", "one tier of {n} holds for everything, {t}"),
    "atleast": ("nsk", "nodes for the price of tier {k} of {n}, from {s}"),
    "atmost": ("nsk", "nodes at the price of tier {k} of {n}, below the next tier, from {s}"),
    "atone": ("ns", "one price for all terms of {n} together, from {s}"),
    "atkept": ("os", "nodes of {o} that were decided before, from {s}"),
    "orderleast": ("os", "least nodes of an order of {o}, from {s}"),
    "ordermost": ("os", "nodes of {o} are ordered or none, from {s}"),
    "tiersum": ("nt", "tiers of {n} hold all spending, {t}"),
    "ownload": ("htb", "bought nodes of {h} that can carry all load draw for it, {t}, {b}"),
    "ownfull": ("htb", "bought nodes of {h} that cannot are full, {t}, {b}"),
    "ownleast": ("htb", "load of {h} that no other nodes can carry is on bought ones, {t}, {b}"),
    "apilimit": ("rtb", "rate limit: {r}, {t}, {b}"),
    "power": ("t", "IT power of owned nodes, {t}"),
    "space": ("t", "owned nodes have space on the site, {t}"),
    "carbon": ("t", "carbon of the electricity of nodes, {t}"),
    "modelflow": ("wmtb", "{w} uses model {m} only when it is used, {t}, {b}"),
    "modelreplicas": ("pctbk", "replicas of {c} in pool {p} only for used models, {t}, {b}"),
    "maxmodels": ("", "number of models in the plan"),
    "hardwareflow": ("whtb", "{w} uses {h} only when it is used, {t}, {b}"),
    "hardwarereplicas": ("pctbk", "replicas of {c} in pool {p} only on used hardware, {t}, {b}"),
    "maxhardware": ("", "number of hardware types in the plan"),
}


def models_of(sets: Sets) -> list[str]:
    """Return the models that a plan could use, options before APIs.

    Parameters
    ----------
    sets
        Index sets and data.
    """
    own = [sets.option_of(c).model for c in range(len(sets.columns))]
    return list(dict.fromkeys(own + [api.model for api in sets.options.api]))


def hardware_of(sets: Sets) -> list[str]:
    """Return the hardware types that a plan could use.

    Parameters
    ----------
    sets
        Index sets and data.
    """
    return list(dict.fromkeys(sets.option_of(c).hardware for c in range(len(sets.columns))))


def quota_label(sets: Sets, position: int) -> str:
    """Return a quota in the user's words.

    Parameters
    ----------
    sets
        Index sets and data.
    position
        Position of the quota in the limits.
    """
    quota = sets.limits.quotas[position]
    where = " ".join(part for part in (quota.provider, quota.region) if part)
    at = f" at {where}" if where else ""
    return f"{counted(quota.max_accelerators, 'accelerator')} of {quota.hardware}{at}"


def budget_label(budget: BudgetLimit) -> str:
    """Return a budget in the user's words.

    Parameters
    ----------
    budget
        The budget.
    """
    when = "over the horizon" if budget.period is None else f"in period {budget.period}"
    return f"{budget.kind} {when}"


def floor_label(floor: AverageFloor) -> str:
    """Return a floor on the average in the user's words.

    Parameters
    ----------
    floor
        The floor.
    """
    return f"{floor.label} for {floor.workload}"


def api_limit_label(limit: ApiLimit) -> str:
    """Return a rate limit in the user's words.

    Parameters
    ----------
    limit
        The rate limit.
    """
    what = limit.measure.replace("_", " ")
    model = "all models" if limit.model is None else limit.model
    return f"{limit.per_minute:,.15g} {what} per minute to {limit.provider} {model} ({limit.mode})"


def sentences(sets: Sets, names: Sequence[str]) -> dict[str, str]:
    """Return the sentence of every name.

    Parameters
    ----------
    sets
        Index sets and data.
    names
        Names of variables and rows.
    """
    labels = _labels(sets)
    return {name: _sentence(name, labels) for name in names}


def _sentence(name: str, labels: dict[str, Callable[[int], str]]) -> str:
    prefix, *positions = name.split("_")
    kinds, sentence = _SENTENCES[prefix]
    words = {
        kind: labels[kind](int(position)) for kind, position in zip(kinds, positions, strict=True)
    }
    return sentence.format(**words)


def _labels(sets: Sets) -> dict[str, Callable[[int], str]]:
    models, hardware = models_of(sets), hardware_of(sets)
    groups, cases = places(sets.options, sets.limits), losses(sets.options, sets.limits)
    providers = providers_of(sets.options)

    def column(c: int) -> str:
        least = sets.columns[c].min_replicas
        return f"{sets.option_of(c).id} (from {least} replica{'s' if least > 1 else ''})"

    return {
        "p": lambda p: sets.pools[p],
        "c": column,
        "w": lambda w: sets.demand.workloads[w].workload,
        "i": lambda i: sets.options.api[i].id,
        "o": lambda o: sets.options.offers[o].offer_id,
        "t": lambda t: f"period {t}",
        "s": lambda s: f"period {s} on",
        "b": lambda b: f"block {b}",
        "m": lambda m: models[m],
        "h": lambda h: hardware[h],
        "z": lambda k: sets.options.provisioned[k].id,
        "e": lambda k: sets.options.spend[k].id,
        "n": lambda v: sets.options.volumes[v].name,
        "q": lambda q: quota_label(sets, q),
        "x": lambda i: sets.options.model_costs[i].model,
        "r": lambda j: api_limit_label(sets.limits.api_limits[j]),
        "f": lambda q: floor_label(sets.limits.average_quality[q]),
        "j": lambda j: budget_label(sets.limits.budgets[j]),
        "g": lambda g: sets.backlogs[g].name,
        "a": lambda a: place_label(sets.options, sets.limits, groups[a]),
        "l": lambda k: cases[k].name,
        "v": lambda v: providers[v],
        "k": str,
    }

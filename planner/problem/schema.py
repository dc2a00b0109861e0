"""The problem file: what a user writes, one model per section.

Field names are fixed by the interface; their meaning is in the docstrings, which also become
the descriptions of the JSON Schema. Numbers carry their unit in the name, fractions are 0-1.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field

from planner.problem.deferral import Deferrable
from planner.problem.exclusion import ExcludedOption
from planner.problem.growth import LengthGrowth
from planner.problem.headroom import Headroom
from planner.problem.section import (
    Count,
    CurvePoint,
    Fraction,
    Growth,
    HitRate,
    Month,
    Name,
    NonNegative,
    Positive,
    Section,
    Tokens,
    Unplanned,
    Usd,
    Whole,
)
from planner.problem.supply import LimitSection, Supply

SHORTEST_TOKENS = 1.0
"""Length at probability 0 of a marginal that states percentiles."""
_ROUNDING = 1e-9


class Horizon(Section):
    """Periods the plan covers."""

    start: Month
    """First month, YYYY-MM."""
    periods: Annotated[int, Field(ge=1, le=20)] = 1
    months_per_period: Annotated[int, Field(ge=1, le=12)] = 3
    utc_offset_h: Annotated[float, Field(ge=-12, le=14)] = 0.0
    """Hours by which the clock of profiles and blocks is ahead of UTC, for prices by the hour."""


class Finance(Section):
    """Money over time."""

    discount_rate_per_year: Annotated[float, Field(ge=0, le=1)] = 0.08
    """Nominal rate per year as a fraction."""
    terminal_value: Literal["straight_line", "none"] = "straight_line"
    """Value of owned hardware at the end of the horizon: the lower of a straight line from
    delivery to the end of its life and the resale curve of the catalogue."""
    commitment_tail: Literal["full", "pro_rata"] = "full"
    """Payments of a commitment after the horizon: charged at their own dates, or cut off."""


class Interarrivals(Section):
    """Recorded intervals between requests."""

    ref: str
    """CSV file with a column `interval_s` or `arrival_s`, relative to the problem file."""


class DayType(Section):
    """A kind of day with a demand of its own."""

    days_per_year: Annotated[float, Field(gt=0, le=365)]
    """Days of the year; those of all types sum to 365."""
    factor: NonNegative = 1.0
    """Factor on the rate of the workload."""
    profile: str | list[NonNegative] | None = None
    """Profile of such a day; absent: that of the workload."""


class Arrival(Section):
    """How requests arrive. Exactly one of the two rate fields is given."""

    requests_per_day: Annotated[float, Field(ge=1, le=1e12)] | None = None
    mean_rate_rps: Annotated[float, Field(ge=1e-5, le=1e7)] | None = None
    """Mean requests per second over the day."""
    profile: str | list[NonNegative] = "flat"
    """Name of a profile of the catalogue, `flat`, or 24 (or 168) hourly multipliers."""
    interarrival_cv: Annotated[float, Field(ge=0, le=20)] = 1.0
    """Coefficient of variation of the time between requests inside an hour; 1 is Poisson."""
    peak_factor_in_hour: Annotated[float, Field(ge=1, le=100)] = 1.2
    """Rate to plan for over the mean of its hour (busiest 1-10 minutes)."""
    forecast_cv: Annotated[float, Field(ge=0, le=5)] = 0.15
    """Relative standard error of the hourly forecast."""
    interarrivals: Interarrivals | None = None
    """Own intervals between requests instead of `interarrival_cv`; scaled to the rate."""
    rate_factors: Annotated[list[NonNegative], Field(min_length=2, max_length=10_000)] | None = (
        None
    )
    """Equally likely factors on the rate within an hour, mean 1, instead of
    `peak_factor_in_hour`: percentiles are over the requests of all of them."""
    day_types: Annotated[dict[Name, DayType], Field(min_length=1)] | None = None
    """Types of day, such as weekday and weekend; `time_blocks` are planned for each. Workloads
    that state none have the same demand on all of them."""


class Marginal(Section):
    """Distribution of one length in tokens, from its mean and percentiles."""

    mean: Tokens
    p50: Tokens | None = None
    p95: Tokens | None = None
    p99: Tokens | None = None
    max: Tokens | None = None

    @property
    def knots(self) -> list[tuple[float, float]]:
        """Points (probability, tokens) that the quantile function passes through."""
        stated = ((0.5, self.p50), (0.95, self.p95), (0.99, self.p99), (1.0, self.max))
        return [(0.0, SHORTEST_TOKENS), *((p, v) for p, v in stated if v is not None)]

    @property
    def mean_range_tokens(self) -> tuple[float, float]:
        """Means that the percentiles allow: above the first, at most the second."""
        steps = list(pairwise(self.knots))
        low = sum((q - p) * lo for (p, lo), (q, _) in steps)
        high = sum((q - p) * hi for (p, _), (q, hi) in steps)
        return low, high

    @property
    def mean_is_reachable(self) -> bool:
        """Whether some shape with these percentiles has the stated mean."""
        low, high = self.mean_range_tokens
        # A mean at the upper end is legitimate, and rounding must not push it over.
        return self.mean <= high * (1 + _ROUNDING) and (low < self.mean or low == high)


class Lengths(Section):
    """Prompt and output lengths: marginals, a joint histogram, or both (stated means win)."""

    isl_tokens: Marginal | None = None
    """Prompt length, cached prefix included."""
    osl_tokens: Marginal | None = None
    """Output length, reasoning included."""
    joint: str | None = None
    """Name of a joint length histogram of the catalogue."""
    ref: str | None = None
    """CSV file of a joint histogram, relative to the problem file."""
    name: str | None = None
    """Name of the histogram inside `ref`."""


class PrefixCache(Section):
    """Share of prompt tokens found in the cache, as one rate or by the size of the cache."""

    hit_rate: HitRate | None = None
    curve: Annotated[list[CurvePoint], Field(min_length=1)] | None = None
    """`[[tokens, hit rate], ...]`: size of one replica's cache and what is found in it."""


class Speculation(Section):
    """How well drafts fit the text of a workload: its kind, or a measured length."""

    text: Literal["chat", "code", "math", "summarization"] | None = None
    """Kind of text; without it the lowest known acceptance of a draft counts."""
    tokens_per_step: Annotated[float, Field(ge=1, le=100)] | None = None
    """Mean tokens a step makes of your requests with the one draft that is a candidate."""


class Slo(Section):
    """A latency limit at a percentile; all limits of a workload must hold."""

    metric: Literal["ttft_ms", "tpot_ms", "itl_ms", "e2e_ms"]
    percentile: Annotated[float, Field(ge=1, lt=100)] | Literal["mean"]
    limit: Annotated[float, Field(gt=0, le=1e9)]
    """Milliseconds."""
    window: Literal["block", "day"] = "block"


class QualityFloor(Section):
    """Least acceptable score on a benchmark: absolute, or relative to bf16 of a reference."""

    benchmark: str
    min_score: Fraction | None = None
    min_relative: Annotated[float, Field(gt=0, le=2)] | None = None
    reference: str | None = None
    """Model whose bf16 score is the reference of `min_relative`."""
    over: Literal["each", "average"] = "each"
    """`each`: every model that serves has the score; `average`: requests have it on average, in
    every block of every period, each counting with the score of the model that serves it."""


class TokenFactors(Section):
    """Lengths of this workload in a model's own tokens, as factors on the stated lengths."""

    isl: Positive = 1.0
    osl: Positive = 1.0


class QualityScoreOverride(Section):
    """A score the problem brings itself; used before the catalogue and marked assumed."""

    model: str
    quantization: str = "bf16"
    benchmark: str
    score: Fraction


class ChainScore(Section):
    """A score of the chain as a whole, which the problem brings itself."""

    benchmark: str
    score: Fraction


class Escalation(Section):
    """A chain that may answer instead of one model: a small one first, a larger one if needed."""

    first: Annotated[list[str], Field(min_length=1)]
    """Models that give the first answer."""
    then: Annotated[list[str], Field(min_length=1)]
    """Models that answer again where the first answer is not good enough."""
    share: Annotated[float, Field(gt=0, lt=1)]
    """Share of the first answers that are escalated, as you measured it."""
    first_answer_ms: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Time set aside for the whole first answer, milliseconds; required where limits on ttft_ms or
    e2e_ms apply to escalated requests."""
    slo: list[Slo] | None = None
    """Limits of escalated requests from their arrival, kept among themselves; absent: requests of
    the chain keep those of the workload together."""
    quality_scores: list[ChainScore] = []
    """Scores of the chain; absent: as if requests were escalated at random."""


class Workload(Section):
    """A stream of requests with one set of latency limits and one quality floor."""

    name: Name
    description: str = ""
    pool: Name | None = None
    """Workloads of one pool share replicas; default: the workload's own name."""
    arrival: Arrival
    growth_per_period: Growth = 1.0
    """Factor on the rate per period, or one factor for each period."""
    length_growth_per_period: LengthGrowth = LengthGrowth()
    """How prompts and outputs grow: `isl` and `osl`, each as `growth_per_period`."""
    headroom: list[Headroom] = []
    """Factors on the rate that capacity is planned for, by period and block; none by default."""
    lengths: Lengths | None = None
    prefix_cache: PrefixCache | None = None
    speculation: Speculation | None = None
    slo: list[Slo] = []
    quality: list[QualityFloor] = []
    quality_scores: list[QualityScoreOverride] = []
    token_factors: dict[str, TokenFactors] = {}
    deferrable: Deferrable | None = None
    """Requests that may wait; absent: none may."""
    escalation: Escalation | None = None
    """A chain that may answer instead of one model; absent: none."""
    residency: Literal["any", "on_prem_only"] | list[str] = "any"
    """Where it may run: `any`, `on_prem_only`, or a list of regions."""
    excluded_options: list[str | ExcludedOption] = []
    """Options of `planner options` that may not serve it: ids, or ids with periods and blocks."""
    context_max_tokens: Count | None = None
    """Models with a shorter context are refused; default p99 prompt plus p99 output."""
    priority: Unplanned = None
    goodput_min: Unplanned = None
    unserved_penalty_usd_per_request: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Price of a request that stays unserved; without one every planned rate is served. Where
    capacity is short, what costs least to leave goes first: to put one workload before another,
    give it the higher price."""

    @property
    def pool_name(self) -> str:
        """Pool the workload belongs to."""
        return self.pool or self.name


class Candidates(Section):
    """What the plan may choose from; an absent or empty key means everything in the catalogue."""

    models: list[str] = []
    quantizations: list[str] = []
    hardware: list[str] = []
    engines: list[str] = []
    tensor_parallel: list[Annotated[Literal[1, 2, 4, 8, 16], Whole]] = []
    data_parallel: list[Annotated[Literal[1, 2, 4, 8, 16], Whole]] = []
    """Groups with attention of their own that share the experts; by default 1, and 2, 4 and 8 too
    for models with latent attention."""
    speculative_decoding: Literal["off", "on"] | list[str] = "off"
    """`off`, `on` for every draft of the catalogue, or a list of drafts."""
    disaggregation: Literal["off", "on"] = "off"
    """`on`: prompts may be computed by instances of their own, which hand over to others of the
    same node that only decode."""


class Policy(Section):
    """How cautious the plan is and how it may be operated."""

    scaling: Literal["hourly", "static"] = "hourly"
    """`hourly`: rented nodes follow the blocks of the day; `static`: equal in all blocks."""
    spare_replicas: Annotated[int, Field(ge=0, le=8)] = 1
    """Every pool keeps its planned rate after losing so many replicas, the largest."""
    spare_nodes: Annotated[int, Field(ge=0, le=8)] = 0
    """Every pool keeps its planned rate after losing so many nodes with all replicas on them,
    wherever the replicas stand and without starting any again."""
    max_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Cap on the share of a replica's stable rate, a minimum with the latency limit."""
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.8
    """Probability with which a planned capacity holds."""
    forecast_confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.5
    routing: Literal["fewest_requests", "fewest_prompts"] = "fewest_requests"
    """What the router in front of the replicas goes by: outstanding requests, or the prompts that
    wait at each replica, which shortens waits several-fold and needs a router that knows them."""
    quality_evidence: Literal["any", "measured"] = "any"
    """`measured` refuses quality scores that are estimated from other models."""
    changeover_minutes: Annotated[float, Field(ge=0, le=720)] = 10.0
    """Time that a batch replica loses when it starts, and again when it gives its accelerators
    back: weights are loaded and engines warm up."""
    max_share_per_provider: Annotated[float, Field(gt=0, le=1)] | None = None
    """Most share of all accelerators of a block that one provider may rent out; owned nodes count
    in the sum, tokens do not."""
    survive_loss_of: Literal["provider", "region"] | None = None
    """What may be lost whole: one provider with its nodes and tokens, or one region."""
    survive_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of every workload's planned rate that is kept after `survive_loss_of`. What stays
    unserved at its price without any loss is no part of that rate."""
    max_models: Count | None = None
    max_hardware_types: Count | None = None
    switching_cost_usd_per_move: Usd = 0.0
    """Paid at the start of a period in which a model serves a workload that it did not serve in
    the period before. What serves before the first period is known from a plan that a run begins
    from; where it is not, one model of every workload is free there. With it, a model serves at
    least 1 % of the requests that a workload has in a period, or none of them."""


class OneOffCost(Section):
    """Cost of using a model at all, whatever the traffic."""

    model: str
    usd: Usd = 0.0
    """Paid at the start of the first period that uses the model; not again in a run that begins
    from a plan that used it before."""
    usd_per_period: Usd = 0.0
    """Paid in every period that uses it."""


class Problem(Section):
    """A planning problem."""

    schema_version: Annotated[Literal[1], Whole]
    name: Name
    description: str = ""
    horizon: Horizon
    time_blocks: Annotated[Literal[1, 4, 6, 8, 12, 24], Whole] = 24
    """Equal blocks of a representative day."""
    finance: Finance = Finance()
    catalog: list[str] = []
    """Overlays (folders of tables, or YAML files), relative to this file; later ones win."""
    workloads: Annotated[list[Workload], Field(min_length=1)]
    candidates: Candidates = Candidates()
    supply: Supply = Supply()
    policy: Policy = Policy()
    limits: LimitSection = LimitSection()
    one_off_costs: list[OneOffCost] = []
    """What a model costs beyond serving it: fine-tuning, evaluation."""
    performance: str | None = None
    """CSV of measured capacities that replace the performance model, relative to this file."""
    scenarios: dict[str, dict[str, Any]] = {}
    """Named patches of this file. `probability`, `known_from` (first period in which it is known
    that this is the scenario, 1 when left out), `parent` (scenario that it looks like before) and
    `description` are not part of the patch."""

    def workload(self, name: str) -> Workload:
        """Return a workload by name."""
        return next(w for w in self.workloads if w.name == name)

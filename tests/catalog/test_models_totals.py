"""Sizes computed from the shipped architectures against the totals their publishers state."""

import re
import statistics

import pytest

from planner.catalog.location import shipped_path
from planner.options.specs import architecture
from planner.perf.arch import kv_bytes_per_token, total_params

PARAMS_PER_B = 1e9
CLOSE = 0.02
MISSED = re.compile(
    r"^\| `(?P<model>[^`]+)` \| (?P<computed>[\d.]+) \| (?P<published>[\d.]+) "
    r"\| (?P<percent>[+-][\d.]+) % \| (?P<why>.+) \|$"
)


@pytest.fixture(scope="module")
def guide():
    """Return the guide of the catalogues."""
    return (shipped_path("catalogs") / "README.md").read_text(encoding="utf-8")


def _errors(shipped):
    return {
        model.id: total_params(architecture(model)) / PARAMS_PER_B / model.params_published_b - 1
        for model in shipped.models
        if model.params_published_b is not None
    }


def test_at_least_45_open_models_are_shipped(shipped):
    assert len(shipped.models) >= 45


def test_every_shipped_architecture_gives_a_size_and_a_cache(shipped):
    sizes = {m.id: total_params(architecture(m)) for m in shipped.models}
    caches = {m.id: kv_bytes_per_token(architecture(m), 2) for m in shipped.models}

    assert min(sizes.values()) > 0.4e9
    assert max(sizes.values()) < 1.1e12
    assert min(caches.values()) > 0


def test_half_of_the_totals_are_within_a_thousandth(shipped):
    assert statistics.median(abs(error) for error in _errors(shipped).values()) <= 0.001


def test_at_least_35_totals_are_within_two_percent(shipped):
    assert sum(abs(error) <= CLOSE for error in _errors(shipped).values()) >= 35


def test_the_guide_lists_every_total_that_misses_with_its_figures_and_reason(shipped, guide):
    section = guide.split("#### Sizes that differ from the published ones")[1].split("\n#")[0]
    listed = {row["model"]: row for row in map(MISSED.match, section.splitlines()) if row}
    errors = _errors(shipped)

    assert set(listed) == {model for model, error in errors.items() if abs(error) > CLOSE}
    for name, row in listed.items():
        model = shipped.model(name)
        computed_b = total_params(architecture(model)) / PARAMS_PER_B
        assert float(row["computed"]) == pytest.approx(computed_b, abs=0.005)
        assert float(row["published"]) == model.params_published_b
        assert float(row["percent"]) == pytest.approx(100 * errors[name], abs=0.05)


def test_the_guide_states_how_many_totals_its_median_is_of(shipped, guide):
    (count,) = re.findall(r"less than 0\.1 % in the median of (\d+) models", guide)

    assert int(count) == len(_errors(shipped))


def test_no_total_misses_by_a_tenth(shipped):
    assert max(abs(error) for error in _errors(shipped).values()) < 0.1


@pytest.mark.parametrize(
    ("model", "total_b"),
    [
        ("llama-2-7b", 6.738),
        ("mixtral-8x22b", 140.62),
        ("deepseek-v3", 671.03),
        ("kimi-k2", 1026.41),
        ("glm-5", 743.91),
        ("qwen3-coder-480b-a35b", 480.15),
    ],
)
def test_totals_are_those_of_a_separate_computation(shipped, model, total_b):
    """Made once outside the package from the same configuration files."""
    computed_b = total_params(architecture(shipped.model(model))) / PARAMS_PER_B

    assert computed_b == pytest.approx(total_b, rel=2e-4)


@pytest.mark.parametrize(
    ("model", "cache_bytes"),
    [
        ("llama-2-7b", 524_288),
        ("llama-2-70b", 327_680),
        ("kimi-k2", 70_272),
        ("glm-5", 100_152),
        ("qwen3.5-27b", 65_536),
        ("glm-4.5-air", 188_416),
    ],
)
def test_caches_are_those_of_a_separate_computation(shipped, model, cache_bytes):
    """Bytes per token at 16 bit; hybrid models count their full attention layers only."""
    assert kv_bytes_per_token(architecture(shipped.model(model)), 2) == cache_bytes


def test_sizes_in_the_names_of_mixtures_are_those_of_thearchitecture(shipped):
    named = {"qwen3-235b-a22b": 235, "qwen3.5-397b-a17b": 397, "qwen3.5-122b-a10b": 122}

    for model, total_b in named.items():
        computed_b = total_params(architecture(shipped.model(model))) / PARAMS_PER_B
        assert computed_b == pytest.approx(total_b, rel=CLOSE)

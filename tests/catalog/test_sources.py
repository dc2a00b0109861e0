"""Every row of the shipped tables says how close its source is to the origin of its figures."""

from collections import Counter

import pytest

from planner.catalog.coverage import KINDS, UNCLASSIFIED, SourceBook, coverage
from planner.catalog.location import shipped_path
from planner.catalog.schema import TABLES

CAPTURE = "Epoch hardware prices; https://web.archive.org/web"
BLOCKS = "AWS EC2 Capacity Blocks for ML pricing page"
EXAMPLES = (
    ("ai-dynamo/aiconfigurator@095f58a systems/h100_sxm.yaml", "primary"),
    ("ai-dynamo/aiconfigurator@095f58a model_configs/a_config.json (HF copy)", "archive"),
    ("skypilot-org/skypilot-catalog catalogs/v9/aws/vms.csv@2c3d7ea7", "archive"),
    ("skypilot-org/skypilot-catalog catalogs/v9@2c3d7ea7 (AcceleratorName)", "primary"),
    ("Epoch hardware prices", "secondary"),
    (f"{CAPTURE}/20250302190228/https://aws.amazon.com/ec2/instance-types/p4/", "archive"),
    (f"{CAPTURE}/20250303204111/https://viperatech.com/shop/nvidia-a100/", "secondary"),
    ("Epoch hardware prices; https://github.com/the-full-stack/website/a.csv", "secondary"),
    ("ratio: Epoch hardware prices (https://web.archive.org/web/20250302190228/)", "derived"),
    ("genai-prices 0.2.3 (MIT) bundled data", "secondary"),
    ("search of public pages for a support price", "derived"),
    ("definition of the format: 16 bits", "primary"),
    ("copy of the HF model card microsoft/phi-4", "archive"),
    ("HF model card neuralmagic/Mixtral-8x7B-Instruct-v0.1-FP8", "primary"),
    ("QwenLM/Qwen3@7a2f61f Qwen3_Technical_Report.pdf", "primary"),
    ("https://z.ai/blog/glm-4.5 via llm-stats data repo@24a9ccf", "secondary"),
    ("tgarg01/silybench-data derived gpu_prices.csv", "archive"),
    ("tgarg01/silybench-data derived/csv/accuracy.csv", "primary"),
    ("tgarg01/silybench-data derived/csv/gpu_prices.csv@045df3b (Nebius price page)", "archive"),
    (f"{BLOCKS}, update of 2026-10-07 as reported in the news page x", "secondary"),
    ("koyakimu/ec2-capacity-blocks-for-ml-pricing-json data/pricing.json@b3a54aee", "archive"),
    ("phoebefu6/learn-ai-infra-with-phoebe materials/a.md (AWS Savings Plans)", "secondary"),
    ("NVIDIA AI Enterprise pricing page of the licensing docs", "archive"),
    ("SpotWire valuator_data.json", "primary"),
    ("EPA eGRID2023, through PyPI codecarbon", "archive"),
    ("vllm-project/vllm PR 38605", "primary"),
)


@pytest.fixture(scope="module")
def book(shipped):
    """Return the classification of the shipped sources."""
    return SourceBook(shipped)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_has_a_classified_source(shipped, book, table):
    lost = {row.source for row in shipped.table(table) if book.source_of(row) is None}

    assert lost == set(), "no id of sources.csv begins these cells"


def test_every_source_stands_behind_a_row_or_behind_another_source(shipped, book):
    facts = (row for table in TABLES if table != "sources" for row in shipped.table(table))
    used = {source.id for row in facts if (source := book.source_of(row))}
    used |= {found.id for row in shipped.sources if (found := book.source_of(row)).id != row.id}

    assert {source.id for source in shipped.sources} - used == set()


def test_only_what_classifies_sources_stands_behind_sources_alone(shipped, book):
    facts = (row for table in TABLES if table != "sources" for row in shipped.table(table))
    used = {source.id for row in facts if (source := book.source_of(row))}

    assert {source.id for source in shipped.sources} - used == {
        "address of the page",
        "llm-stats data repo",
    }


@pytest.mark.parametrize(("cell", "kind"), EXAMPLES)
def test_the_longest_beginning_counts(row, shipped, cell, kind):
    book = SourceBook(shipped)

    assert book.source_of(row("engines", source=cell)).kind == kind


def test_the_first_of_several_sources_counts(row, shipped):
    book = SourceBook(shipped)
    first, second = "litgpt 0.5.13 config.py (Apache-2.0)", "alibaba/ServeGen (Apache-2.0)"

    def kind(cell):
        return book.source_of(row("engines", source=cell)).kind

    assert kind(f"{first}; {second}") == kind(first) != kind(second)


def test_an_entry_differs_from_the_shorter_one_that_it_refines(shipped):
    def says(source):
        return source.publisher, source.kind, source.licence, source.url, source.notes

    by_id = {source.id: source for source in shipped.sources}
    nested = [(a, b) for a in by_id for b in by_id if a != b and b.startswith(a)]

    assert nested
    assert [(a, b) for a, b in nested if says(by_id[a]) == says(by_id[b])] == []


def test_a_source_that_is_not_the_origin_says_what_it_is(shipped):
    mute = [s.id for s in shipped.sources if s.kind != "primary" and not s.notes]

    assert mute == []


def test_ids_carry_no_blanks_at_their_ends(shipped):
    assert [source.id for source in shipped.sources if source.id != source.id.strip()] == []


def test_the_shares_add_up(shipped):
    for table in coverage(shipped):
        assert sum(table.kinds[kind] for kind in KINDS) == table.rows
        assert table.kinds[UNCLASSIFIED] == 0


def test_prices_of_nodes_come_from_dated_copies_of_the_providers_pages(shipped, book):
    kinds = Counter(
        book.source_of(offer).kind
        for offer in shipped.offers
        if "announced in advance" not in offer.notes
    )

    assert kinds["archive"] >= 0.95 * kinds.total()
    assert kinds["secondary"] <= 0.02 * kinds.total()


def test_prices_announced_in_advance_are_known_from_one_news_page(shipped, book):
    announced = [o for o in shipped.offers if "announced in advance" in o.notes]

    assert {(book.source_of(o).kind, book.source_of(o).publisher) for o in announced} == {
        ("secondary", "press")
    }
    assert all("secondary source" in o.notes for o in announced)


def test_licences_that_ask_for_attribution_are_met_in_the_notice(shipped):
    notice = (shipped_path("catalogs") / "NOTICE").read_text(encoding="utf-8").casefold()
    licensed = [s for s in shipped.sources if s.licence.startswith(("CC-BY", "MIT", "MPL"))]

    assert len(licensed) >= 10
    missing = [
        s.id
        for s in licensed
        if s.publisher.casefold() not in notice and s.id.split(" ")[0].casefold() not in notice
    ]
    assert missing == []


def test_a_source_that_no_entry_begins_is_unclassified(row, world):
    sources = [row("sources", id="somebody")]
    catalog = world(sources=sources, engines=[row("engines", source="nobody")])
    engines = next(table for table in coverage(catalog) if table.table == "engines")

    assert engines.kinds[UNCLASSIFIED] == 1

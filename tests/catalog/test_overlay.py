"""Overlays in one YAML file: the same rows as in a folder, and faults with their positions."""

import pytest

from planner.catalog.load import load_catalog
from planner.errors import InputError

OFFERS = (
    "provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,"
    "valid_from,source,as_of\n"
)
BAD_OFFER = "aws,p5.48xlarge,us-east-1,on_demand,H100-SXM,8,x,2026,my contract,2026-12\n"


@pytest.fixture
def yaml_overlay(tmp_path):
    """Return a function that writes an overlay of one file."""

    def write(text, name="mine.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


ENGINE_ROW = """\
calibration:
  - parameter: c_layer_us
    scope: engine
    key_id: vllm
    kind: multiplier
    value: 1.25
    unit: factor
    provenance: measured
    source: our bench
    as_of: 2027-02
"""


def faults_of(*overlays):
    with pytest.raises(InputError) as caught:
        load_catalog(overlays)
    return [(f.line, f.column, f.path, f.message) for f in caught.value.faults]


def test_a_yaml_overlay_replaces_and_adds_rows(shipped, yaml_overlay):
    catalog = load_catalog([yaml_overlay(ENGINE_ROW)])

    row = catalog.calibration_row("c_layer_us", "engine", "vllm")
    assert (row.value, row.as_of, row.source) == (1.25, "2027-02", "our bench")
    assert len(catalog.calibration) == len(shipped.calibration)
    assert catalog.models == shipped.models


def test_a_yaml_overlay_and_a_folder_with_the_same_rows_are_the_same(overlay, yaml_overlay):
    names = "aliases: [{alias: our box, accelerator: h200-sxm-141gb, source: me, as_of: 2026}]\n"
    offer = (
        "offers:\n- {provider: aws, instance: box, region: x, tenure: on_demand, accelerator: Our "
        "Box,\n   accelerators: 8, price_usd_per_hour: 40.0, valid_from: 2026, source: me,\n"
        "   as_of: 2026-12-01, notes: }\n"
    )
    folder = overlay(
        aliases="alias,accelerator,source,as_of\nour box,h200-sxm-141gb,me,2026\n",
        offers=OFFERS + "aws,box,x,on_demand,our box,8,40,2026,me,2026-12-01\n",
    )

    assert load_catalog([yaml_overlay(offer + names)]).sha256 == load_catalog([folder]).sha256


def test_the_last_of_a_folder_and_a_yaml_overlay_wins(overlay, yaml_overlay):
    header = "parameter,scope,key_id,kind,value,unit,provenance,source,as_of\n"
    line = "c_layer_us,engine,vllm,multiplier,2,factor,measured,me,2026\n"
    folder, file = overlay(calibration=header + line), yaml_overlay(ENGINE_ROW)

    values = [
        load_catalog(order).calibration_row("c_layer_us", "engine", "vllm").value
        for order in ([folder, file], [file, folder])
    ]

    assert values == [1.25, 2]


def test_rows_of_a_yaml_overlay_know_their_line(yaml_overlay):
    path = yaml_overlay("# mine\n" + ENGINE_ROW)

    catalog = load_catalog([path])

    row = catalog.calibration_row("c_layer_us", "engine", "vllm")
    origin = catalog.origin("calibration", row)
    assert (origin.file, origin.line) == (str(path), 3)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("1.25", "-1"), (6, 5, "calibration.value", "`-1` is out of range; it must be above 0")),
        (("1.25", "fast"), (6, 5, "calibration.value", "`fast` is not a finite number")),
        (("1.25", ".nan"), (6, 5, "calibration.value", "`nan` is not a finite number")),
        (("1.25", "[1, 2]"), (6, 5, "calibration.value", "is a list; a cell holds one value")),
        (("1.25", "{a: 1}"), (6, 5, "calibration.value", "is a mapping; a cell holds one value")),
        (("1.25", ""), (6, 5, "calibration.value", "is blank, and a value is required")),
        (("    value: 1.25\n", ""), (2, 5, "calibration.value", "is blank, and a value is requ")),
        (("value: 1.25", "valeu: 1.25"), (6, 5, "calibration.valeu", "unknown column `valeu`")),
        (("engine\n", "engines\n"), (3, 5, "calibration.scope", "`engines` is not accepted")),
        (
            ("2027-02", "soon"),
            (10, 5, "calibration.as_of", "`soon` is not accepted; write a date"),
        ),
        (("calibration:", "calibrations:"), (1, 1, "", "no table `calibrations`; did you mean")),
    ],
)
def test_a_fault_of_a_yaml_overlay_leads_to_its_place(yaml_overlay, change, fault):
    (found,) = faults_of(yaml_overlay(ENGINE_ROW.replace(*change)))

    assert found[:3] == fault[:3]
    assert found[3].startswith(fault[3])


def test_every_fault_of_a_yaml_overlay_is_reported_at_once(yaml_overlay):
    second = ENGINE_ROW.partition("\n")[2].replace("1.25", "slow").replace("vllm", "sglang")
    text = ENGINE_ROW.replace("1.25", "fast") + second + "offers: none\nmodels: [x, 3]\n"

    found = faults_of(yaml_overlay(text))

    assert sorted(found) == sorted(
        [
            (6, 5, "calibration.value", found_message(found, 6)),
            (15, 5, "calibration.value", found_message(found, 15)),
            (20, 1, "offers", "is `none`; a table is a list of rows"),
            (21, 10, "models", "is `x`; a row names its columns: `column: value`"),
            (21, 13, "models", "is `3`; a row names its columns: `column: value`"),
        ]
    )


def found_message(found, line):
    return next(message for at, _, _, message in found if at == line)


def test_a_key_that_stands_twice_in_a_yaml_overlay_is_refused(yaml_overlay):
    twice = "    value: 1.25\n    value: 1.5\n"
    text = ENGINE_ROW.replace("    value: 1.25\n", twice)
    (fault,) = faults_of(yaml_overlay(text))
    both = faults_of(yaml_overlay(text.replace("engine\n", "engin\n")))

    assert fault[0] == 7
    assert fault[3] == (
        "`value` stands twice in the same place, first at 6:5 with `1.25`, then at 7:5 with "
        "`1.5`; keep one, the other value would be lost"
    )
    assert sorted(line for line, *_ in both) == [3, 7]


@pytest.mark.parametrize("form", ["block", "flow"])
def test_a_row_that_repeats_a_key_is_refused(yaml_overlay, form):
    second = ENGINE_ROW.partition("\n")[2]
    row = "{alias: a, accelerator: b, source: me, as_of: 2026}"
    text = ENGINE_ROW + second if form == "block" else f"aliases: [{row}, {row}]\n"

    (fault,) = faults_of(yaml_overlay(text))

    assert fault[0] == (11 if form == "block" else 1)
    assert "repeats the key (" in fault[3]
    assert f"of line {2 if form == 'block' else 1}; keep one" in fault[3]


@pytest.mark.parametrize("text", ["", "# nothing\n", "[1, 2]\n", "calibration\n", "{}\n"])
def test_a_yaml_overlay_without_any_table_is_a_fault(yaml_overlay, text):
    (fault,) = faults_of(yaml_overlay(text))

    assert fault[3].startswith("the overlay holds no table; its keys are tables: accelerators,")


def test_a_table_without_rows_is_no_fault(shipped, yaml_overlay):
    assert load_catalog([yaml_overlay("calibration: []\n")]).sha256 == shipped.sha256


def test_text_that_is_not_yaml_is_a_fault_with_its_place(yaml_overlay):
    (fault,) = faults_of(yaml_overlay("calibration: [\n"))

    assert fault[0] == 2
    assert "is not valid YAML" in fault[3]


def test_a_yaml_overlay_that_does_not_exist_is_a_fault(tmp_path):
    (fault,) = faults_of(tmp_path / "nowhere.yml")

    assert fault[3] == "the overlay does not exist"


def test_faults_of_folders_and_yaml_overlays_are_reported_together(overlay, yaml_overlay):
    folder = overlay(offers=OFFERS + BAD_OFFER)
    file = yaml_overlay(ENGINE_ROW.replace("1.25", "fast"))

    assert {f[2] for f in faults_of(folder, file)} == {
        "offers.price_usd_per_hour",
        "calibration.value",
    }


def test_a_folder_named_like_a_yaml_file_is_a_folder(overlay):
    assert load_catalog([overlay("mine.yaml", offers=OFFERS)]).offers


def test_booleans_and_quoted_numbers_are_read_as_cells(yaml_overlay):
    text = (
        "models:\n- {id: m, family: f, attention: gqa, layers: '2', hidden: 64, heads: 4,\n"
        "   kv_heads: 2, head_dim: 16, vocab: 1000, context_tokens: 4096, tied_embeddings: true,\n"
        "   source: me, as_of: '2026'}\n"
    )

    row = load_catalog([yaml_overlay(text)]).model("m")

    assert (row.layers, row.tied_embeddings, row.notes) == (2, True, "")

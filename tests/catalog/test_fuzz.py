"""Whatever a file holds, loading it ends well or with an input error, never otherwise."""

import csv
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.catalog.location import shipped_path
from planner.catalog.schema import TABLES
from planner.catalog.table import scan_table

SHORT = (
    "accelerators",
    "aliases",
    "interconnects",
    "models",
    "quantizations",
    "engines",
    "offers",
)
FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def scan(table, content):
    """Return what a file with this content gives."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{table}.csv"
        path.write_bytes(content)
        return scan_table(path, path.name, TABLES[table])


def shipped_bytes(table):
    return (shipped_path("catalogs") / f"{table}.csv").read_bytes()


@FUZZ
@given(table=st.sampled_from(SHORT), content=st.binary(max_size=300))
def test_any_bytes_give_rows_or_faults(table, content):
    read = scan(table, content)

    assert read.rows or read.faults


@FUZZ
@given(table=st.sampled_from(SHORT), text=st.text(max_size=300))
def test_any_text_gives_rows_or_faults(table, text):
    read = scan(table, text.encode("utf-8", "surrogatepass"))

    assert read.rows or read.faults


@FUZZ
@given(table=st.sampled_from(SHORT), data=st.data())
def test_a_truncated_table_never_gives_a_row_that_the_whole_one_lacks(table, data):
    content = shipped_bytes(table)
    end = data.draw(st.integers(0, len(content) - 1))
    start_of_line = content.rfind(b"\n", 0, end) + 1

    read = scan(table, content[:end])
    whole = {located.row.key for located in scan(table, content).rows}
    # The cut line may hold a shortened last cell; every line before it is intact.
    intact = {
        located.row.key
        for located in read.rows
        if located.line <= content[:start_of_line].count(b"\n")
    }

    assert intact <= whole


@FUZZ
@given(table=st.sampled_from(SHORT), data=st.data())
def test_shuffled_columns_give_the_same_rows(table, data):
    path = shipped_path("catalogs") / f"{table}.csv"
    rows = _parsed(path.read_text(encoding="utf-8"))
    order = data.draw(st.permutations(range(len(rows[0]))))

    shuffled = "\n".join(",".join(_quoted(r[i]) for i in order) for r in rows)

    before, after = scan(table, path.read_bytes()), scan(table, shuffled.encode())
    assert after.faults == ()
    assert [a.row for a in after.rows] == [b.row for b in before.rows]


@FUZZ
@given(table=st.sampled_from(SHORT), data=st.data())
def test_one_overwritten_byte_gives_rows_or_faults(table, data):
    content = bytearray(shipped_bytes(table))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    read = scan(table, bytes(content))

    assert read.rows or read.faults


@FUZZ
@given(encoding=st.sampled_from(["utf-16", "utf-32", "latin-1", "cp1252", "shift_jis"]))
def test_another_encoding_gives_a_fault_unless_it_reads_the_same(encoding):
    text = "alias,accelerator,source,as_of\nGPU é,h100-sxm-80gb,s,2026\n"

    content = text.encode(encoding, "replace")

    assert scan("aliases", content).faults or b"?" in content


@settings(max_examples=5, deadline=None)
@given(st.permutations(sorted(TABLES)))
def test_the_order_of_files_in_a_folder_changes_nothing(order):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for table in order:
            (folder / f"{table}.csv").write_bytes(shipped_bytes(table))

        assert load_catalog([folder]).sha256 == load_catalog().sha256


def _parsed(text):
    return list(csv.reader(text.splitlines()))


def _quoted(cell):
    return '"' + cell.replace('"', '""') + '"'

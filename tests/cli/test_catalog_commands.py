"""`planner catalog list` and `show` through the real command."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest


def test_catalog_list_filters_sorts_and_keeps_all_columns(planner):
    rows = planner(
        "catalog",
        "list",
        "offers",
        "accelerator=h100-sxm-80gb",
        "--sort",
        "-price_usd_per_hour",
        "--json",
    ).json

    prices = [row["price_usd_per_hour"] for row in rows]
    assert prices == sorted(prices, reverse=True)
    assert all(row["source"] and row["as_of"] for row in rows)


def test_catalog_list_sorts_by_several_columns(planner):
    listed = ("catalog", "list", "offers", "accelerator=h100*", "--json")

    rows = planner(*listed, "--sort", "provider", "--sort", "-usd_per_accelerator_hour").json

    keys = [(row["provider"], -row["usd_per_accelerator_hour"]) for row in rows]
    assert keys == sorted(keys)


def test_catalog_list_keeps_rows_without_a_value_last(planner):
    rows = planner("catalog", "list", "hardware", "--sort", "-fp4_tflops", "--json").json

    values = [row["fp4_tflops"] for row in rows]
    known = [value for value in values if value is not None]
    assert values == sorted(known, reverse=True) + [None] * (len(values) - len(known))


def test_catalog_list_explains_an_alias_beside_the_rows(planner):
    done = planner("catalog", "list", "offers", "accelerator=H100", "provider=runpod", "--json")

    assert {row["accelerator"] for row in done.json} == {"h100-sxm-80gb"}
    assert done.err == (
        "note: `H100` means h100-sxm-80gb; other forms are h100-pcie-80gb, h100-nvl-94gb\n"
    )


def test_catalog_list_suggests_a_value_where_no_row_has_it(planner):
    done = planner("catalog", "list", "offers", "provider=runpods")
    quiet = planner("catalog", "list", "offers", "provider=runpods", "-q")

    assert done.code == 0
    assert done.err == "note: no row of offers has provider=runpods; did you mean `runpod`?\n"
    assert done.out.count("\n") == 1
    assert (quiet.out, quiet.err) == (done.out, "")


@pytest.mark.parametrize(
    ("arguments", "says", "end"),
    [
        (
            ("list", "offers", "providor=aws"),
            "did you mean `provider`",
            "1 error, nothing was listed. Next: planner catalog list offers\n",
        ),
        (
            ("list", "hardware", "memory_mib>big", "vendor"),
            "`big` is no end of a range of memory_mib",
            "2 errors, nothing was listed. Next: planner catalog list hardware\n",
        ),
        (
            ("list", "offers", "--sort", "prise_usd_per_hour"),
            "did you mean `price_usd_per_hour`",
            "1 error, nothing was listed.\n",
        ),
        (
            ("show", "hardware", "H1000"),
            "did you mean `H100`",
            "1 error, nothing was shown. Next: planner catalog list hardware\n",
        ),
        (("list", "ofers"), "did you mean `offers`", "1 error, nothing was listed.\n"),
        (
            ("import", "litellm", "absent.json", "-o", "mine"),
            "absent.json",
            "1 error, nothing was written.\n",
        ),
    ],
)
def test_catalog_commands_say_what_they_left_undone_and_what_comes_next(
    planner, arguments, says, end
):
    done = planner("catalog", *arguments)

    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert done.err.endswith(end)


def test_catalog_show_names_the_kind_of_the_row_and_of_its_source_apart(planner):
    done = planner("catalog", "show", "hardware", "A100")

    lines = [line.split(maxsplit=1) for line in done.out.splitlines()]
    assert [value for name, value in lines if name == "kind"] == ["gpu"]
    assert "source kind" in done.out
    assert done.err.startswith("note: `A100` means a100-sxm-40gb; other forms are a100-sxm-80gb")


def test_terminal_shows_hardware_in_one_line_each(tmp_path):
    terminal, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    command = [sys.executable, "-m", "planner", "catalog", "list", "hardware", "vendor=google"]
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}

    subprocess.run(
        command, cwd=tmp_path, env=environment, stdin=slave, stdout=slave, stderr=slave, check=True
    )
    shown = os.read(terminal, 65_536).decode()
    os.close(slave)
    os.close(terminal)

    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("tpu-") for line in lines) == 4
    assert lines[-1].endswith("left out; --json or a pipe shows all")


def test_catalog_check_of_the_shipped_tables_has_no_error(planner):
    done = planner("catalog", "check")

    assert done.code == 0
    assert "catalogue valid" in done.out

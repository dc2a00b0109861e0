"""A trace is read as a whole or refused with every fault."""

from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pytest

from planner.errors import InputError
from planner.verify.replay import read_trace as reading
from planner.verify.replay.read_trace import read_trace

HEADER = "timestamp_s,input_tokens,output_tokens"


@pytest.fixture
def write(tmp_path):
    def put(text, name="trace.csv"):
        path = tmp_path / name
        data = text.encode() if isinstance(text, str) else text
        path.write_bytes(data)
        return path

    return put


def lines(count=120, header=HEADER, extra=""):
    return "\n".join([header, *(f"{i * 0.5},{100 + i},{10 + i}{extra}" for i in range(count))])


def refused(path):
    with pytest.raises(InputError) as error:
        read_trace(path)
    assert error.value.outcome == "nothing was verified"
    return str(error.value)


def test_columns_are_found_by_name_in_plain_text_and_gzip(write):
    text = "\n".join(
        ["output_tokens,workload,timestamp_s,input_tokens"]
        + [f"{i + 1},x,{i},{i + 100}" for i in range(150)]
    )

    plain = read_trace(write(text))
    packed = read_trace(write(gzip.compress(text.encode()), "trace.csv.gz"))

    assert plain.name == "trace.csv"
    assert plain.arrival_s.tolist() == packed.arrival_s.tolist() == list(range(150))
    assert plain.isl_tokens[:2].tolist() == [100, 101]
    assert plain.osl_tokens[:2].tolist() == [1, 2]
    assert plain.hit_tokens is None
    assert plain.span_s == pytest.approx(150)


def test_hits_and_calendar_times_are_read(write):
    header = "timestamp,input_tokens,output_tokens,prefix_hit_tokens"
    rows = [f"2027-01-05T06:{i // 60:02d}:{i % 60:02d},100,10,{i % 50}" for i in range(200)]

    trace = read_trace(write("\n".join([header, *rows])))

    assert trace.arrival_s[0] == 6 * 3_600  # from the midnight before
    assert trace.hit_tokens[:3].tolist() == [0, 1, 2]


def test_time_counts_from_midnight_of_the_first_day(write):
    late = "\n".join([HEADER, *(f"{86_400 * 20_000 + 600 + i},5,5" for i in range(100))])

    assert read_trace(write(late)).arrival_s[0] == 600


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column timestamp_s or timestamp, input_tokens, output_tokens"),
        ("time,isl,osl\n1,2,3", "the first line names time, isl, osl"),
        (HEADER, "has 0 requests; 100 or more are needed"),
        (lines(99), "has 99 requests; 100 or more are needed"),
        (lines() + "\n1.0,5,5", "`1`: comes after 59.5 s; sort the lines by time"),
        (lines() + "\n99,-5,5", "`-5`: input_tokens is negative"),
        (lines() + "\n99,5,0", "`0`: output_tokens is 0: such a request does no work"),
        (lines() + "\n99,5.5,1", "`5.5`: input_tokens is not a whole number of tokens"),
        (lines() + "\n99,5", "output_tokens is empty"),
        (lines() + "\nnan,5,5", "`nan`: timestamp_s is not a finite number"),
        (lines() + "\n99,1e9,5", "input_tokens is above 10,000,000 tokens"),
        ("\n".join([HEADER, *["0,5,5"] * 200]), "all requests come at the same time"),
        (
            lines(header=HEADER + ",prefix_hit_tokens", extra=",500"),
            "prefix_hit_tokens is above input_tokens (100)",
        ),
    ],
)
def test_bad_traces_are_refused_with_what_is_wrong(write, text, message):
    assert message in refused(write(text))


def test_every_bad_line_is_named_up_to_ten(write):
    text = refused(write(lines() + "\n" + "\n".join(["x,1,1"] * 25)))

    assert text.count("trace.csv:") == 10
    assert "trace.csv:122" in text
    assert "and 15 lines more that cannot be used" in text
    assert "planner demand import csv" in text


def test_a_missing_or_broken_file_is_refused(write, tmp_path):
    assert "cannot be read" in refused(tmp_path / "none.csv")
    cut = gzip.compress(lines(5000).encode())[:-200]
    assert "cannot be read" in refused(write(cut, "cut.csv.gz"))


def test_more_requests_than_are_held_are_refused_at_the_first_of_them(write, monkeypatch):
    monkeypatch.setattr(reading, "_MOST_REQUESTS", 120)
    endless = lines(121) + "\nnot read any more"

    assert len(read_trace(write(lines(120))).arrival_s) == 120
    text = refused(write(endless))

    assert "trace.csv:122" in text
    assert "the request after the first 120, which are all that a replay holds in memory" in text
    assert "give some whole days of them" in text
    assert "not read any more" not in text
    assert text.count("trace.csv") == 1


def test_a_request_takes_some_dozen_bytes(write):
    """The most requests that are held take less than a gigabyte, not several."""
    path = write(lines(8_000))
    tracemalloc.start()
    trace = read_trace(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(trace.arrival_s) == 8_000
    assert most < 80 * 8_000


@pytest.mark.shared
def test_recorded_traces_are_read():
    from pathlib import Path

    folder = Path(__file__).parents[4] / "shared" / "traces"
    path = folder / "mooncake_conversation.csv.gz"
    if not path.is_file():
        pytest.skip("the development data are not beside the checkout")

    trace = read_trace(path)

    assert len(trace.arrival_s) == 12_031
    assert (np.diff(trace.arrival_s) >= 0).all()
    assert trace.hit_tokens is not None

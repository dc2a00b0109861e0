"""Plain CSV and Azure traces: which rows become requests, and what is said about the others."""

from __future__ import annotations

import gzip

import pytest

from planner.errors import InputError

HEADER = "timestamp_s,input_tokens,output_tokens\n"


def reasons(imported):
    return [(r.place, r.reason) for r in imported.rejected]


def test_columns_are_found_by_name_in_any_order(read):
    imported = read(
        "csv", "client_id,output_tokens,timestamp_s,input_tokens\n7,20,0,100\n7,40,60,300\n"
    )

    assert imported.workload["lengths"]["isl_tokens"]["mean"] == 200
    assert imported.workload["lengths"]["osl_tokens"]["mean"] == 30


def test_mean_rate_counts_a_gap_for_every_request(read):
    imported = read("csv", HEADER + "0,10,10\n60,10,10\n120,10,10\n")

    assert imported.workload["arrival"]["requests_per_day"] == 1440


def test_marginals_are_lengths_that_occurred(read):
    rows = "".join(f"{i},{i + 1},{2 * i + 2}\n" for i in range(200))

    lengths = read("csv", HEADER + rows).workload["lengths"]

    assert lengths["isl_tokens"] == {"mean": 100.5, "p50": 100, "p95": 190, "p99": 198, "max": 200}
    assert lengths["osl_tokens"] == {"mean": 201, "p50": 200, "p95": 380, "p99": 396, "max": 400}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,-5,10", "negative"),
        ("-1,5,10", "negative"),
        ("1,,10", "missing"),
        ("1,5", "missing"),
        ("", None),
        ("1,five,10", "not_a_number"),
        ("1,nan,10", "not_a_number"),
        ("inf,5,10", "not_a_number"),
        ("1e999,5,10", "not_a_number"),
        ("1,1_0,10", "not_a_number"),
        ("1,0,10", "no_tokens"),
        ("1,5,0", "no_tokens"),
        ("1,5.5,10", "not_whole"),
        ("1,99999999999,10", "absurd"),
        ("1763900000000,5,10", "absurd"),
        ('1,"5,10', "not_a_number"),
        ("\ufffd,5,10", "not_a_number"),
    ],
)
def test_a_row_that_cannot_be_used_is_reported_with_line_and_reason(read, row, reason):
    imported = read("csv", f"{HEADER}0,10,10\n{row}\n60,10,10\n")

    assert reasons(imported) == ([("trace.csv:3", reason)] if reason else [])
    assert imported.requests == 2


def test_a_quote_that_is_never_closed_spoils_its_line_only(read):
    imported = read("csv", HEADER + '0,"10,10\n1,10,10\n2,10,10\n')

    assert imported.requests == 2


def test_rows_out_of_order_are_sorted_and_counted(read):
    imported = read("csv", HEADER + "120,10,10\n0,10,10\n60,10,10\n")

    assert imported.workload["arrival"]["requests_per_day"] == 1440
    assert "1 row earlier than the row before: sorted" in imported.notes


def test_the_order_of_rows_changes_no_figure(read):
    rows = [f"{7 * i},{10 + i},{5 + i % 3}\n" for i in range(300)]

    forward = read("csv", HEADER + "".join(rows))
    backward = read("csv", HEADER + "".join(reversed(rows)))

    assert forward.workload == backward.workload
    assert forward.cells == backward.cells


def test_a_lone_row_far_from_the_others_is_a_stray(read):
    rows = "".join(f"{60 * i},10,10\n" for i in range(200))

    imported = read("csv", HEADER + rows + "9000000,10,10\n")

    assert reasons(imported) == [("trace.csv:202", "stray_time")]
    assert imported.workload["arrival"]["requests_per_day"] == 1440


def test_a_weekend_without_requests_is_kept_and_noted(read):
    days = [d * 86_400 + 600 * i for d in (0, 1, 4) for i in range(144)]

    imported = read("csv", HEADER + "".join(f"{t},10,10\n" for t in days))

    assert imported.rejected == ()
    assert any("48 h without a request" in note for note in imported.notes)


def test_iso_times_with_and_without_zone_are_the_same_instant(read):
    header = "timestamp,input_tokens,output_tokens\n"

    imported = read("csv", header + "2026-03-01T00:00:00,10,10\n2026-03-01T02:00:00+01:00,10,10\n")

    assert imported.workload["arrival"]["requests_per_day"] == 24
    assert imported.cells[0].as_of == "2026-03-01"


def test_text_that_is_no_time_is_rejected(read):
    header = "timestamp,input_tokens,output_tokens\n"

    imported = read("csv", header + "2026-03-01 00:00:00,1,1\nyesterday,1,1\n,1,1\n")

    assert reasons(imported) == [("trace.csv:3", "not_a_time"), ("trace.csv:4", "missing")]


def test_seconds_since_1970_give_the_date(read):
    imported = read("csv", HEADER + "1700000000,10,10\n1700000060,10,10\n")

    assert imported.cells[0].as_of == "2023-11-14"


def test_times_from_an_unknown_start_take_the_stated_date(read):
    assert read("csv", HEADER + "0,10,10\n60,10,10\n").cells[0].as_of == "2026-03"


def test_cached_prompt_tokens_give_the_hit_rate(read):
    header = "timestamp_s,input_tokens,output_tokens,prefix_hit_tokens\n"

    imported = read("csv", header + "0,100,10,0\n1,300,10,100\n2,100,10,200\n")

    assert imported.workload["prefix_cache"] == {"hit_rate": 0.25}
    assert reasons(imported) == [("trace.csv:4", "absurd")]


def test_gzip_is_recognised_by_content(read):
    imported = read("csv", gzip.compress((HEADER + "0,10,10\n9,10,10\n").encode()))

    assert imported.requests == 2


def test_gzip_cut_short_is_an_error_with_the_line(read):
    rows = "".join(f"{i},{i % 97 + 1},10\n" for i in range(5000))
    cut = gzip.compress((HEADER + rows).encode())[:-400]

    with pytest.raises(InputError, match=r"trace\.csv:\d+\n.*complete gzip file is accepted"):
        read("csv", cut)


def test_a_byte_order_mark_is_no_part_of_the_first_column(read):
    assert read("csv", b"\xef\xbb\xbf" + (HEADER + "0,1,1\n9,1,1\n").encode()).requests == 2


def test_a_missing_column_is_named_with_those_found(read):
    with pytest.raises(InputError, match=r"no column output_tokens; the first line names time"):
        read("csv", "timestamp_s,input_tokens,out\n0,1,1\n")


def test_an_empty_file_is_an_error(read):
    with pytest.raises(InputError, match="no column timestamp_s or timestamp"):
        read("csv", "")


def test_utf_16_is_an_error_that_names_the_columns(read):
    with pytest.raises(InputError, match="no column timestamp_s or timestamp"):
        read("csv", (HEADER + "0,1,1\n").encode("utf-16"))


def test_no_usable_row_is_an_error_with_the_first_reason(read):
    with pytest.raises(InputError, match=r"no request can be used; trace\.csv:2: `-1`, input"):
        read("csv", HEADER + "0,-1,1\n")


def test_a_line_without_end_is_refused_before_it_fills_memory(read):
    with pytest.raises(InputError, match="longer than 1 MiB"):
        read("csv", HEADER + "1" * (1 << 20))


def test_a_missing_file_is_an_error(read, tmp_path):
    from planner.demand.importers.record import Settings
    from planner.demand.importers.table import read as read_csv

    with pytest.raises(InputError, match="No such file"):
        read_csv(tmp_path / "absent.csv", Settings("chat", "2026"))


def test_a_folder_is_an_error(tmp_path):
    from planner.demand.importers.record import Settings
    from planner.demand.importers.table import read as read_csv

    with pytest.raises(InputError, match="Is a directory"):
        read_csv(tmp_path, Settings("chat", "2026"))


def test_azure_times_with_seven_decimals_are_read(read):
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
        "2023-11-16 18:15:46.6805900,374,44\r\n"
        "2023-11-16 18:15:56.6805900,396,109\r\n"
    )

    imported = read("azure", text)

    assert imported.workload["arrival"]["requests_per_day"] == 8640
    assert imported.workload["lengths"]["osl_tokens"]["max"] == 109
    assert imported.cells[0].as_of == "2023-11-16"


def test_azure_times_with_zone_are_read(read):
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00.009930+00:00,2162,5\n"
        "2024-05-10 00:00:10.009930+00:00,2399,6\n"
        "2024-05-10 00:00:20.009930+00:00,2399,\n"
    )

    imported = read("azure", text)

    assert imported.requests == 2
    assert reasons(imported) == [("trace.csv:4", "missing")]


def test_azure_reader_refuses_the_plain_table(read):
    with pytest.raises(InputError, match="no column TIMESTAMP, ContextTokens, GeneratedTokens"):
        read("azure", HEADER + "0,1,1\n")


def test_an_unknown_format_is_answered_with_the_known_ones(read):
    with pytest.raises(InputError, match=r"no format `azur`; did you mean `azure`\?; formats: az"):
        read("azur", HEADER)

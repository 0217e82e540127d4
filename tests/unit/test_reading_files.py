"""What a file comes to before any database sees it: the rows of each format, and the sentence of each refusal.

Not here: what makes a row bad (tests/integration/test_loading_rules.py), what lies in a folder (test_listing.py).
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from landing_of import message, order

from orchestration.sentences import Sentence, in_language
from orchestration.settings import Limits
from orchestration.sources.connectors import csv_blocks, json_blocks, lines
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.files import read_file
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.connectors.reading import MOST_UNKNOWN, Learned, Reading
from orchestration.sources.contract import DATASETS

HEADER = "brand_id,message_id,conversation_id,sender_type,sender_id,sent_at,is_automatic,content_type"
ROW = "acme,m{},c1,visitor,v1,2026-03-10T09:00:00Z,false,text"


class Read:
    """One file, read: rows as dictionaries, lines, faults as (line, rule, column), unknown columns."""

    def __init__(
        self,
        path: Path,
        dataset: str = "messages",
        naming: Naming | None = None,
        learned: Learned | None = None,
        **limits: int,
    ) -> None:
        self.unknown: set[str] = set()
        self.rows: list[dict[str, Any]] = []
        self.lines: list[int] = []
        self.faults: list[tuple[int, str, str | None]] = []
        reading = Reading(0, DATASETS[dataset], naming or Naming(), self.unknown, path.name, Limits(**limits))
        reading.learned = learned or reading.learned
        for batch in read_file(fsspec.filesystem("file"), str(path), reading):
            columns = {name: values.to_pylist() for name, values in batch.columns.items()}
            lines = batch.lines.to_pylist()
            self.rows += [{name: values[at] for name, values in columns.items()} for at in range(len(lines))]
            self.lines += lines
            self.faults += [(lines[fault.row], fault.rule, fault.column) for fault in batch.faults]


def refused(path: Path, **how: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        Read(path, **how)
    reason = refusal.value.reason
    assert reason.startswith(path.name), "a refusal names the file"
    assert isinstance(reason, Sentence), "a refusal is told in each language"
    assert reason not in {in_language(reason, language) for language in ("fr", "es")}
    return str(refusal.value).removeprefix(f"{path.name}: ")


def land(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
    return path


def table(*rows: str, header: str = HEADER) -> str:
    return "".join(f"{line}\n" for line in (header, *rows))


def objects(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


# Whole blocks of lines

PLAIN = ROW.format("#")  # which stands for the row's number
CSV_ROWS = [
    PLAIN,
    PLAIN.replace("v1", ""),
    PLAIN.replace("v1", '""'),
    '"acme","m#","c,1","visitor","v ""1","2026-03-10T09:00:00Z",true,"text"',
    ",".join(f'"{value}"' for value in PLAIN.split(",")),
    PLAIN.replace("text", "été"),
    PLAIN + "\r",
]
ODD_CSV = [
    *("", " ", '"', "a,b", HEADER, "\r", '"a\nb"', "\0", "\udcff"),
    *(PLAIN + ",x", PLAIN.replace("v1", 'v"1'), PLAIN + "\r" + PLAIN, PLAIN.replace("v1", "v\n1")),
]
JSON_ROWS = [
    json.dumps(message(1, message_id="m#")),
    json.dumps(message(1, message_id="m#", sender_id=None, extra="2026-03-10")),
    json.dumps(message(1, message_id="m#", sender_id="é\U0001f600", note=[1, {"a": None}]), ensure_ascii=False),
    json.dumps(message(1, message_id="m#", sender_id="é\U0001f600\n")),
    json.dumps(message(1, message_id=0)).replace('": 0', '": #'),
    json.dumps(message(1, message_id="m#"), separators=(",", ":")) + "\r",
]
ODD_JSON = [
    *("", " ", "{}", "{", "[1]", '{"a":1}{"a":2}', '{"brand_id":-0,"message_id":-0}', '{"message_id":1.0}'),
    *(r'{"message_id":"\ud800"}', r'{"message_id":"\u0000","a":true}', '{"message_id":1,"message_id":2}'),
    *('{"message_id":NaN}', '{"message_id":"\t"}', '{"message_id":"\udcff"}', '{"message_id":true}'),
    *('{"message_id":12345678901234567890123}', '{"message_id":[]},', r'{"m\u0065ssage_id":"x"}', '{"message_id":01}'),
]


def all_of(path: Path, learned: Learned | None = None) -> Any:
    """What a file comes to, whichever way; a value that is not there is null, and faults come line by line: within a
    batch, those of lines that can't be read stand before all others."""
    try:
        read = Read(path, learned=learned)
    except Refusal as refusal:
        return str(refusal)
    rows = [{name: value for name, value in row.items() if value is not None} for row in read.rows]
    return rows, read.lines, sorted(read.faults, key=lambda fault: fault[0]), read.unknown


def lines_of(rows: list[str], odd: list[str]) -> st.SearchStrategy[list[str]]:
    plain = st.lists(st.sampled_from(rows), max_size=12)
    return st.tuples(plain, st.lists(st.sampled_from(odd), max_size=1), plain).map(
        lambda parts: [*parts[0], *parts[1], *parts[2]]
    )


@pytest.mark.parametrize(
    ("blocks", "name", "head", "some"),
    [
        (csv_blocks, "a.csv", HEADER + "\n", lines_of(CSV_ROWS, ODD_CSV)),
        (json_blocks, "a.jsonl", "", lines_of(JSON_ROWS, ODD_JSON)),
    ],
    ids=["csv", "json"],
)
def test_a_block_is_read_as_its_lines_are(blocks: Any, name: str, head: str, some: st.SearchStrategy[Any]) -> None:
    @settings(deadline=None)
    @given(st.one_of(some, st.tuples(some, some).map(lambda two: two[0] + two[1])), st.integers(0, 9), st.booleans())
    def read_both_ways(told: list[str], size: int, has_end: bool) -> None:
        rows = [line.replace("#", str(number)) for number, line in enumerate(told)]
        content = head + "\n".join(rows) + "\n" * has_end
        with TemporaryDirectory() as folder:
            path = land(Path(folder), name, content)
            with patch.object(lines, "BLOCK_BYTES", 1 << (4 + size)):
                quickly = all_of(path)
            with patch.object(blocks.PlainBlocks, "next", lambda *given: None):
                assert quickly == all_of(path)

    read_both_ways()


LACKING = {name: value for name, value in message(1, message_id="m#").items() if name != "content_type"}
LIKE_THEM = [
    message(1, message_id="m#", sender_id=None),
    LACKING,
    LACKING | {"note": {"content_type": 1}},
    LACKING | {"sender_id": '"content_type": '},
]
FILES = st.lists(st.sampled_from([*JSON_ROWS, *map(json.dumps, LIKE_THEM)]), min_size=1, max_size=3)


@settings(deadline=None)
@given(FILES, FILES)
def test_a_file_is_read_as_if_none_had_come_before(former: list[str], told: list[str]) -> None:
    with TemporaryDirectory() as folder:
        before, path = (land(Path(folder), name, "\n".join([*rows, ""])) for name, rows in
                        (("before.jsonl", former), ("a.jsonl", told)))  # fmt: skip
        learned = Learned()
        all_of(before, learned)
        assert all_of(path, learned) == all_of(path)


def test_what_one_file_taught_is_not_learned_again(tmp_path: Path) -> None:
    learned, kind = Learned(), json_blocks.PlainBlocks
    with patch.object(kind, "_learn", autospec=True, side_effect=kind._learn) as once:
        for name in ("a.jsonl", "b.jsonl"):
            assert len(Read(land(tmp_path, name, objects(message(1, sender_id=None))), learned=learned).rows) == 1
    assert once.call_count == 1


@pytest.mark.parametrize(("name", "rows"), [("a.csv", CSV_ROWS[:2]), ("a.jsonl", JSON_ROWS[:2])])
def test_plain_lines_are_read_in_blocks(tmp_path: Path, name: str, rows: list[str]) -> None:
    content = "".join(rows[number % 2].replace("#", str(number)) + "\n" for number in range(1000))
    path = land(tmp_path, name, HEADER * (name == "a.csv") + "\n" * (name == "a.csv") + content)
    with patch.object(lines.Blocks, "readline", autospec=True, side_effect=lines.Blocks.readline) as one_by_one:
        assert len(Read(path).rows) == 1000
    assert one_by_one.call_count <= 2, "the header, and the end"


# What a file is


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", table(ROW.format(1)).encode("utf-16"), "this is text in UTF-16"),
        ("a.csv", table(ROW.format(1)).encode("utf-16-le"), "this is text in UTF-16, without a byte order mark"),
        ("a.jsonl", objects(message(1)).encode("utf-32"), "this is text in UTF-32"),
        ("a.csv", b"PK\x03\x04rest", "this is a zip archive"),
        ("a.jsonl", gzip.compress(b"{}"), "this is compressed with gzip; wanted: JSON Lines in UTF-8"),
        ("a.jsonl.gz", gzip.compress(gzip.compress(b"{}")), "inside its gzip, this is compressed with gzip"),
        ("a.csv.gz", table(ROW.format(1)), "the file is not compressed with gzip, as its name says"),
        ("a.csv.gz", b"PK\x03\x04rest", "the file is not compressed with gzip, as its name says, but a zip archive"),
        ("a.parquet", table(ROW.format(1)), "the file is not Parquet, as its name says"),
        ("a.csv", "<!DOCTYPE html><html>", "this is a web page"),
        ("a.jsonl", "  <?xml version='1.0'?>", "this is XML"),
        ("a.xlsx", "", "not a format that is read; the file's name must end in one of .jsonl"),
        ("a.jsonl.gz", gzip.compress(objects(message(1)).encode())[:-9], "can't be read: Compressed file ended"),
    ],
    # The bytes of gzip hold a time, and each worker must collect the same names.
    ids=lambda value: "content" if isinstance(value, bytes) else None,
)
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    assert said in refused(land(tmp_path, name, content))


# CSV


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (HEADER.replace(",", ";"), "the file is separated by ';'"),
        (HEADER.replace(",", "\t"), "the file is separated by a tab"),
        ("sep=,", "line 1, 'sep=,', is a spreadsheet's note, no header"),
        ("sep=;", "line 1, 'sep=;', is a spreadsheet's note, no header"),
        (HEADER + ",message_id", "the header names a column twice: message_id"),
        (HEADER.replace("brand_id", "pr\udce9nom"), "the header is not UTF-8 (perhaps Latin-1): 'pr\\xe9nom'"),
        (HEADER + ",a\0b", "the header holds a NUL character: 'a\\x00b'"),
        (HEADER.replace("brand_id", "brand"), "lacks the required column brand_id (it has, unknown to the contract"),
        (",,", "line 1 names no column"),
    ],
)
def test_a_header_that_is_none(tmp_path: Path, header: str, said: str) -> None:
    assert said in refused(land(tmp_path, "a.csv", table(ROW.format(1), header=header)))


def test_columns_without_a_name_hold_nothing(tmp_path: Path) -> None:
    """As spreadsheets leave them at the end; a value there is a row that has shifted."""
    rows = [ROW.format(1) + ",,", ROW.format(2) + ",,x", ROW.format(3)]
    read = Read(land(tmp_path, "a.csv", table(*rows, header=HEADER + ",,")))
    assert [row["message_id"] for row in read.rows] == ["m1", None, "m3"]
    assert (read.faults, read.unknown) == ([(3, "line", None)], set())
    read = Read(land(tmp_path, "b.csv", table("0," + ROW.format(1), header="," + HEADER)))
    assert [row["message_id"] for row in read.rows] == ["m1"], "an index, as data frames write it"
    assert read.unknown == {"(column 1, which has no name)"}


def test_empty_fields_beyond_the_header_carry_nothing(tmp_path: Path) -> None:
    read = Read(land(tmp_path, "a.csv", table(ROW.format(1) + ",,,", ROW.format(2) + ",x")))
    assert [row["message_id"] for row in read.rows] == ["m1", None]
    assert read.faults == [(3, "line", None)]


def test_a_header_in_the_middle_is_a_second_file(tmp_path: Path) -> None:
    said = refused(land(tmp_path, "a.csv", table(ROW.format(1), HEADER, ROW.format(2))))
    assert said.startswith("line 3 is the header again: several files were put together")


def test_line_ends_of_old_and_new_machines(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        content = table(ROW.format(1), ROW.format(2)).replace("\n", end)
        assert Read(land(tmp_path, "a.csv", content)).lines == [2, 3]


ORDERS = (
    "brand_id,order_id,{},channel,origin,ordered_at,payment_method,currency,gross_amount,tax_amount,"
    "shipping_amount,discount_amount,updated_at"
)
ORDER = "acme,o{},{},web,other,2026-03-10T10:00:00Z,card,EUR,1,0,0,0,2026-03-10T10:00:00Z"


@pytest.mark.parametrize(
    ("column", "rows", "said"),
    [
        # Closed by the next quoted value: an identifier has no line breaks.
        ("visitor_id", ['"open', "v", 'shut"'], "lines 3 to 5 are one row by their quotes"),
        # An unknown column may be free text, but not one with rows in it.
        ("note", ['"open', "v", 'shut"'], "with rows inside a value of note: a quote is open"),
        # Closed in the middle of another value, and never.
        ("note", ['"open', "v", '"shut"'], "lines 3 to 5 are one row by their quotes, but it has not the 13 columns"),
        ("note", ['"open', "v", "v"], "line 3: a quote is opened and never closed, 3 lines to the end of the file"),
    ],
)
def test_a_stray_quote_swallows_nothing_unseen(tmp_path: Path, column: str, rows: list[str], said: str) -> None:
    # Where a line ends inside quotes, it ends before the columns that follow: so these come last.
    header = ORDERS.format("x").replace(",x,", ",") + f",{column}"
    lines = [ORDER.format(number, "x").replace(",x,", ",") + f",{value}" for number, value in enumerate(["v", *rows])]
    assert said in refused(land(tmp_path, "a.csv", table(*lines, header=header)), dataset="orders")


def test_people_may_write_on_several_lines(tmp_path: Path) -> None:
    header = HEADER + ",note"
    text = '"one, two\nthree, 2026-03-10, four\n\nfive"'
    read = Read(land(tmp_path, "a.csv", table(f"{ROW.format(1)},{text}", f"{ROW.format(2)},", header=header)))
    assert (read.lines, read.faults) == ([2, 6], [])


# JSON


def test_an_array_is_read_as_lines_are(tmp_path: Path) -> None:
    rows = [message(number) for number in range(3)]
    for indent in (None, 2):
        read = Read(land(tmp_path, "a.jsonl", "\ufeff\n " + json.dumps(rows, indent=indent) + "\n"))
        assert [row["message_id"] for row in read.rows] == ["m0", "m1", "m2"]
        assert read.lines == ([2, 2, 2] if indent is None else [3, 13, 23])


@pytest.mark.parametrize("content", ["[]", "[\n]\n", "", "\n\n"])
def test_nothing_is_nothing(tmp_path: Path, content: str) -> None:
    assert Read(land(tmp_path, "a.jsonl", content)).rows == []


def test_a_long_array_on_one_line(tmp_path: Path) -> None:
    rows = [message(number) for number in range(5_000)]
    path = land(tmp_path, "a.jsonl", json.dumps(rows))
    assert path.stat().st_size > 2**19
    read = Read(path, line=10_000)
    assert len(read.rows) == 5_000 and read.rows[-1]["message_id"] == "m4999"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"a": 1}, 2]', "line 1: wanted an array of objects"),
        ('[{"a": 1} {"a": 2}]', "wanted an array of objects with commas between them"),
        ('[{"a": 1},', "the array has no end"),
        ('[{"a": 1},]', "the array can't be read from ']' on"),
        ('[{"a": 1}\n, {"a": tru}]', "line 2: the array can't be read from '{\"a\": tru}]' on"),
        ("[]\n[]", "something follows the end of the array"),
        ('{"a": 1}{"a": 2}\n', "line 1 holds several JSON values"),
        ('{"a": 1} {"a": 2}', "line 1 holds several JSON values"),
        ('{"a": 1', "line 1, the last, is cut off"),
        ('{"mood\\u0000": 1}', "line 1: the key 'mood\\x00' holds a NUL character"),
        ('{"a": 1}\n{"mood\\ud83d": 1}', "line 2: the key 'mood\\ud83d' holds half a surrogate pair"),
        ('{"pr\udce9nom": 1}\n', "line 1: the key 'pr\\xe9nom' holds bytes that are not UTF-8"),
        ('{"a": 1}\n', "messages lacks the required columns brand_id, "),
    ],
)
def test_json_that_can_not_be_taken(tmp_path: Path, content: str, said: str) -> None:
    assert said in refused(land(tmp_path, "a.jsonl", content))


def test_keys_with_escapes_are_ignored_and_shown_clean(tmp_path: Path) -> None:
    assert Read(land(tmp_path, "a.jsonl", objects(message(1, **{"\x1b[31mred\n": 1})))).unknown == {"\\x1b[31mred\\x0a"}


@pytest.mark.parametrize("number", ["123.0", "1.23e2", "NaN", "-Infinity"])
def test_what_only_a_float_can_be_is_no_identifier(tmp_path: Path, number: str) -> None:
    text = objects(order(1, visitor_id=7), order(2)).replace('"10.00"', "10.00").replace('"v1"', number)
    read = Read(land(tmp_path, "a.jsonl", text), dataset="orders")
    assert read.faults == [(2, "type", "visitor_id")]
    assert [row["visitor_id"] for row in read.rows] == ["7", number], "the quarantine shows what stood there"
    assert [row["gross_amount"] for row in read.rows] == ["10.00", "10.00"], "an amount keeps its digits"


# Parquet


def parquet(path: Path, columns: dict[str, Any], **how: Any) -> Path:
    pq.write_table(pa.table(columns), path, **how)
    return path


def columns(**other: Any) -> dict[str, Any]:
    return {name: [value] for name, value in message(1).items()} | other


def test_own_words_of_any_type(tmp_path: Path) -> None:
    naming = Naming({}, {"sender_type": {"1": "visitor", "2": "member"}, "is_automatic": {"0": "false"},
                         "content_type": {"true": "photo", "false": "text"}})  # fmt: skip
    own = {"sender_type": 2, "is_automatic": 0, "content_type": True}
    for path in (
        parquet(tmp_path / "a.parquet", columns(**{name: [value] for name, value in own.items()})),
        land(tmp_path, "a.jsonl", objects(message(1, **own))),
        land(tmp_path, "a.csv", table("acme,m1,c1,2,v1,2026-03-10T09:00:00Z,0,true")),
    ):
        (row,) = Read(path, naming=naming).rows
        assert (row["sender_type"], row["is_automatic"], row["content_type"]) == ("member", "false", "photo"), path.name


@pytest.mark.parametrize("value", [1.5, b"bytes", True])
def test_a_column_of_a_type_that_can_not_be(tmp_path: Path, value: Any) -> None:
    said = refused(parquet(tmp_path / "a.parquet", columns(message_id=[value])))
    assert said.startswith("column message_id is ") and said.endswith("wanted: text of 1 to 128 characters")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", "\n" * 1_000),
        ("a.jsonl", "{}\n" * 1_000),
        ("a.jsonl", "[" + "{}," * 999 + "{}]"),
        ("a.csv", HEADER + "\n" * 1_000),
        ("a.csv", HEADER + "\n" + "x\n" * 1_000),
    ],
)
def test_rows_of_nothing_have_an_end(tmp_path: Path, name: str, content: str) -> None:
    """A few megabytes of gzip hold thousands of millions of them, which would take the whole night."""
    assert "(CAUSERIE_LIMIT_EXTRACT)" in refused(land(tmp_path, name, content), extract=100_000)
    assert len(Read(land(tmp_path, name, content), extract=200_000).rows) in (0, 1_000)


def test_names_without_end_are_told_of_as_far_as_people_read(tmp_path: Path) -> None:
    """Keys that are data, one for each visitor, and tables that are none: in time and memory that are bounded."""
    rows = [message(number, **{f"visited {number} {part}": 1 for part in range(10)}) for number in range(2_000)]
    read = Read(land(tmp_path, "a.jsonl", objects(*rows)))
    assert len(read.rows) == 2_000 and len(read.unknown) == MOST_UNKNOWN
    few, many = (",".join(f"k{number}" for number in range(size)) for size in (2_000, 200_000))
    said = "names 200,008 columns, more than 10,000"
    assert said in refused(land(tmp_path, "a.csv", f"{HEADER},{many}\n"))
    assert len(Read(land(tmp_path, "b.csv", f"{HEADER},{few}\n")).unknown) == MOST_UNKNOWN


def test_a_name_that_stands_twice_in_a_schema(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    given = pa.table(columns())
    pq.write_table(given.append_column("sent_at", given["sent_at"]), path)
    assert refused(path) == "the schema names a column twice: sent_at"


@pytest.mark.parametrize("how", [{}, {"use_dictionary": False}, {"data_page_version": "2.0"}, {"compression": "zstd"}])
def test_parquet_without_rows_is_a_quiet_day(tmp_path: Path, how: dict[str, Any]) -> None:
    """A row group without a page, or none."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns()).slice(0, 0), path, **how)
    assert Read(path).rows == []
    with pq.ParquetWriter(path, pa.table(columns()).schema, **how):
        """No row group either."""
    assert Read(path).rows == []


def test_two_parquet_files_in_one(tmp_path: Path) -> None:
    one = parquet(tmp_path / "one.parquet", columns()).read_bytes()
    assert "several Parquet files were put together" in refused(land(tmp_path, "a.parquet", one + one))
    assert len(Read(parquet(tmp_path / "b.parquet", columns(), write_page_index=True)).rows) == 1


def test_texts_that_are_stored_once_come_out_whole(tmp_path: Path) -> None:
    """Two batches, of which the second has one text of 600 KB 100 times: it is cut where it would become too much."""
    many = 65_536 + 100
    payload = [f"p{number % 7}" for number in range(65_536)] + ["x" * 600_000] * 100
    given = {
        "brand_id": ["acme"] * many, "event_id": [f"e{number}" for number in range(many)], "session_id": ["s"] * many,
        "visitor_id": ["v"] * many, "occurred_at": ["2026-03-10T09:00:00Z"] * many, "event_type": ["open"] * many,
        "ad_payload": payload,
    }  # fmt: skip
    read = Read(parquet(tmp_path / "a.parquet", given), dataset="widget_events")
    assert [row["ad_payload"] for row in read.rows] == payload
    assert read.lines == list(range(1, many + 1))


# Bounds


@pytest.mark.parametrize("ending", ["csv", "jsonl", "csv.gz", "jsonl.gz", "parquet"])
def test_limits_are_kept_in_every_format(tmp_path: Path, ending: str) -> None:
    rows = [message(number, sender_id="x" * 5_000) for number in range(10)]
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        parquet(path, {name: [row[name] for row in rows] for name in rows[0]})
    else:
        lines = (ROW.format(number).replace("v1", "x" * 5_000) for number in range(10))
        text = objects(*rows) if "jsonl" in ending else table(*lines)
        path.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    assert len(Read(path).rows) == 10
    assert "(CAUSERIE_LIMIT_CELL)" in refused(path, cell=4_999)
    assert len(Read(path, cell=5_000).rows) == 10
    assert "(CAUSERIE_LIMIT_EXTRACT)" in refused(path, extract=40_000)
    if ending == "parquet":
        assert "(CAUSERIE_LIMIT_ROW_GROUP)" in refused(path, row_group=4_000)
    else:
        assert "(CAUSERIE_LIMIT_LINE)" in refused(path, line=5_000)


def test_an_object_of_an_array_may_not_be_longer_than_a_line(tmp_path: Path) -> None:
    path = land(tmp_path, "a.jsonl", "[" + json.dumps(message(1, note="x" * 600_000)) + "]")
    assert "(CAUSERIE_LIMIT_LINE)" in refused(path, line=100_000)


def test_limits_are_settings() -> None:
    assert Limits.from_environment({"CAUSERIE_LIMIT_CELL": "5"}) == Limits(cell=5)
    with pytest.raises(ValueError, match="CAUSERIE_LIMIT_LINE: wanted a number of bytes, such as 16777216"):
        Limits.from_environment({"CAUSERIE_LIMIT_LINE": "1GB"})

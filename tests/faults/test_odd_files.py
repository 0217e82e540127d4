"""Files that are broken in ways nobody listed: whatever a file is, it costs its own extract and no other.

Not here: the sentence of each refusal (tests/unit/test_reading_files.py), huge files (test_bombs.py).
"""

from __future__ import annotations

import gzip
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from landing_of import DAY, Raw, brand, message, order, write

from orchestration.sources.connectors.outside_text import is_clean

FORMATS = ["jsonl", "jsonl.gz", "csv", "csv.gz", "parquet"]
QUICK, ALL = 30, 1_000
FAULT = pytest.mark.fault(
    41,
    "files of other encodings, with odd names, NUL and half characters in unknown keys, columns twice; 1,000 changed"
    " files of each format",
    "each is refused alone, by a sentence that names it, or its bad rows wait; all others are loaded",
)
# What programs and transfers leave in files that they break.
TOKENS = [
    b"\0", b"\xff", b"\xe9", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b"\n", b"\r", b"\r\n", b",", b";", b"\t", b"{",
    b"}", b"[", b"]", b":", b"\\", b"\\u0000", b"\\ud83d", b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"null",
    b"true", b"PAR1", b"PK\x03\x04", b"\x1f\x8b\x08", b"\x1b[2J", b"sep=,", b"[" * 2_000, b" " * 100, b"\xe2\x80\xa8",
    b"a" * 200_000, b"\x80\x80\x80\x80\x08", b"\xff\xff\xff\x7f", b"message_id", b"brand_id",
]  # fmt: skip


def changed(content: bytes, random: Random) -> bytes:
    """One to four changes: bytes flipped, taken out, doubled, moved, put in, or the end cut off."""
    found = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(found) + 1)
        end = min(len(found), at + random.choice([1, 2, 8, 64, 512]))
        match random.randrange(7):
            case 0:
                del found[at:end]
            case 1:
                found[at:at] = found[at:end] * random.randint(1, 3)
            case 2:
                found[at:at] = random.choice(TOKENS)
            case 3:
                found[at:end] = random.choice(TOKENS)
            case 4:
                found[at:end] = random.randbytes(end - at)
            case 5:
                del found[at:]
            case _:
                piece = found[at:end]
                del found[at:end]
                there = random.randrange(len(found) + 1)
                found[there:there] = piece
    return bytes(found)


def files(folder: Path, ending: str, number: int) -> Iterator[tuple[str, bytes]]:
    """So many changed files, in turn of three datasets: the same ones each time."""
    random = Random(f"{ending} 1")
    whole = {
        "messages": [message(number, note=f"é {number}") for number in range(30)],
        "orders": [order(number, gross_amount=f"{number}.50") for number in range(30)],
        "brands": [brand(brand_id=f"b{number}", working_hours={"1": [["09:00", "18:00"]]}) for number in range(5)],
    }
    if "csv" in ending:
        whole["brands"] = [{**row, "working_hours": '{"1": [["09:00", "18:00"]]}'} for row in whole["brands"]]
    plain = ending.removesuffix(".gz")
    contents = {}
    for dataset, rows in whole.items():
        write(folder / f"{dataset}.{plain}", rows)
        contents[dataset] = (folder / f"{dataset}.{plain}").read_bytes()
    for turn in range(number):
        dataset = list(whole)[turn % len(whole)]
        content = contents[dataset]
        if not ending.endswith(".gz"):
            yield dataset, changed(content, random)
        elif turn % 2:
            yield dataset, gzip.compress(changed(content, random), 1)
        else:
            yield dataset, changed(gzip.compress(content, 1), random)


def outcomes(raw: Raw, folder: Path, ending: str, number: int) -> Counter[str]:
    """How the loads of so many changed files ended; whatever they raise is raised."""
    ended: Counter[str] = Counter()
    for dataset, content in files(folder, ending, number):
        path = raw.landing / dataset / DAY.isoformat() / f"part-0.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        result = raw.load(dataset)
        ended[result.outcome] += 1
        if result.reason is not None:
            assert dataset in result.reason and is_clean(result.reason), result.reason
            assert "AssertionError" not in result.reason, "every row is accounted for"
    return ended


@FAULT
@pytest.mark.parametrize("ending", FORMATS)
def test_changed_files(
    connection: psycopg.Connection[Any], tmp_path: Path, ending: str, figure: Callable[[str], None]
) -> None:
    raw = Raw(connection, tmp_path / "landing")
    ended = outcomes(raw, tmp_path, ending, QUICK)
    assert sum(ended.values()) == QUICK and ended["refused"]
    raw.connection.execute("select 1")
    figure("runs ended 0")


@pytest.mark.long
@FAULT
@pytest.mark.parametrize("ending", FORMATS)
def test_a_thousand_changed_files(
    connection: psycopg.Connection[Any], tmp_path: Path, ending: str, figure: Callable[[str], None]
) -> None:
    raw = Raw(connection, tmp_path / "landing")
    ended = outcomes(raw, tmp_path, ending, ALL)
    assert sum(ended.values()) == ALL and ended["refused"] and ended["loaded"]
    figure("runs ended 0")


@FAULT
def test_odd_names_and_keys(
    connection: psycopg.Connection[Any], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """Each in a day of its own, beside one that is good."""
    raw = Raw(connection, tmp_path)
    raw.take("messages", [message(1)])
    contents: dict[str, bytes] = {}
    for name, key in (("nul", "note\0"), ("half", "mood\ud83d"), ("escape", "\x1b[2J")):
        raw.land("messages", [message(2, **{key: 1})], name=f"{name}.jsonl")
        contents[name] = (raw.landing / "messages" / str(DAY) / f"{name}.jsonl").read_bytes()
        (raw.landing / "messages" / str(DAY) / f"{name}.jsonl").unlink()
    contents["latin"] = contents["escape"].replace(b"\\u001b[2J", b"pr\xe9nom")
    contents["unknown"] = b'{"a": 1}\n{"b": 2}\n'
    ended = {}
    for name, content in contents.items():
        path = raw.landing / "messages" / str(DAY) / "odd.jsonl"
        path.write_bytes(content)
        result = raw.load("messages")
        ended[name] = result.outcome
        if result.outcome == "refused":
            assert "odd.jsonl" in str(result.reason)
        else:
            assert result.unknown_columns == ("\\x1b[2J",)
    path.unlink()
    assert ended == {"nul": "refused", "half": "refused", "escape": "loaded", "latin": "refused", "unknown": "refused"}
    Path(os.fsdecode(os.fsencode(raw.landing / "messages" / str(DAY)) + b"/\xe9t\xe9.jsonl")).write_bytes(b"{}\n")
    result = raw.load("messages")
    assert result.outcome == "refused" and "\\xe9t\\xe9.jsonl is not UTF-8" in str(result.reason)
    assert raw.all("select count(*) from raw.load where outcome = 'refused'") == [(5,)]
    figure("runs ended 0")

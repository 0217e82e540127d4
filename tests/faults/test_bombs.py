"""Small files that are huge when they are unfolded: refused before the memory is asked for.

Not here: the limits one by one (tests/unit/test_reading_files.py).
"""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landing_of import message

MIB = 2**20
GIB = 2**30
# Reads a file as a load does, and says how much memory its process has had at most.
READER = """
import sys
from pathlib import Path
import fsspec
from orchestration.settings import Limits
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.connectors.files import read_file
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.connectors.reading import Reading
from orchestration.sources.contract import DATASETS
reading = Reading(0, DATASETS["messages"], Naming(), set(), "bomb", Limits())
try:
    print(sum(len(batch.lines) for batch in read_file(fsspec.filesystem("file"), sys.argv[1], reading)), "rows")
except Refusal as refusal:
    print(refusal)
(peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(peak.split()[1])
"""


def gzipped(path: Path, parts: Iterator[tuple[bytes, int]]) -> None:
    """Each part so many times over, compressed. What repeats is compressed once a mebibyte and copied: 6 GB in a
    moment."""
    with path.open("wb") as file:
        for part, times in parts:
            if len(part) < MIB:
                file.write(gzip.compress(part * times))
                continue
            member = gzip.compress(part * 16, 6)
            for _ in range(times // 16):
                file.write(member)


def long_line(path: Path) -> None:
    """6 GB of one value, in 6 MB."""
    gzipped(path, iter([(b'{"brand_id": "', 1), (b"x" * MIB, 6 * 1024)]))


def long_quote(path: Path) -> None:
    header = ",".join(message(1)).encode() + b"\n"
    gzipped(path, iter([(header + b'acme,"', 1), (b"x" * (MIB - 1) + b"\n", 6 * 1024)]))


def long_array(path: Path) -> None:
    gzipped(path, iter([(b'[{"brand_id": "', 1), (b"x" * MIB, 6 * 1024)]))


def many_keys(path: Path) -> None:
    """An object of a million keys is refused as a line is."""
    path.write_bytes(gzip.compress(b"{" + b'"key": 0, ' * 2_000_000 + b'"end": 0}\n'))


def plain_line(path: Path) -> None:
    """A line of 1.2 GB, which takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(1_200 * MIB)
        file.write(b'{"brand_id": "')


def parquet(path: Path, **columns: Any) -> None:
    rows = len(next(iter(columns.values())))
    texts = {name: pa.array([str(value)] * rows).dictionary_encode() for name, value in message(1).items()}
    pq.write_table(pa.table({**texts, **columns}), path, compression="zstd", use_dictionary=True)


def long_texts(path: Path) -> None:
    """One text of a mebibyte, which 68,000 rows have: 68 GB in 166 KB."""
    rows = 68_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * MIB])
    parquet(path, message_id=text)


def many_texts(path: Path, times: int = 10) -> None:
    """The same without a dictionary, page by page: 640 MB, or so many times 64."""
    text = pa.chunked_array([pa.array(["x" * MIB] * 64)] * times)
    texts = {name: pa.array([str(value)] * 64 * times) for name, value in message(1).items()}
    pq.write_table(pa.table({**texts, "message_id": text}), path, compression="zstd", use_dictionary=False)


def varint(value: int, length: int = 1) -> bytes:
    """A number as Thrift's compact protocol has it (zigzag, seven bits a byte), in so many bytes at least."""
    value, found = 2 * value, bytearray()
    while value or len(found) < length:
        found.append(value & 127)
        value >>= 7
    return bytes([byte | 128 for byte in found[:-1]] + [found[-1]])


def lying(path: Path, *claims: tuple[int, int]) -> None:
    """The footer says other numbers than there are: each pair is what it says, and what it is to say."""
    content = path.read_bytes()
    at = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[at:]
    for right, wrong in claims:
        said = varint(right)
        assert said in footer
        footer = footer.replace(said, varint(wrong, len(said)))
    path.write_bytes(content[:at] + footer)


def few_bytes(path: Path) -> None:
    """Two gibibytes page by page, of which the footer says that they are a thousand bytes."""
    many_texts(path, 32)
    group = pq.ParquetFile(path).metadata.row_group(0)
    chunks = [group.column(number) for number in range(group.num_columns)]
    lying(path, *((size, 1000) for size in {group.total_byte_size, *(one.total_uncompressed_size for one in chunks)}))


def few_rows(path: Path) -> None:
    """68,000 rows, of which the footer says that they are ten."""
    long_texts(path)
    lying(path, (68_000, 10))


def long_footer(path: Path) -> None:
    """A footer of a gibibyte, which takes no room on the disk."""
    with path.open("wb") as file:
        file.write(b"PAR1")
        file.truncate(GIB + 12)
        file.seek(0, 2)
        file.write(GIB.to_bytes(4, "little") + b"PAR1")


BOMBS: dict[str, tuple[Callable[[Path], None], str]] = {
    "line.jsonl.gz": (long_line, "line 1 is longer than 16,777,216 bytes (CAUSERIE_LIMIT_LINE)"),
    "quote.csv.gz": (long_quote, "(CAUSERIE_LIMIT_"),
    "array.jsonl.gz": (long_array, "is longer than 16,777,216 bytes (CAUSERIE_LIMIT_LINE)"),
    "keys.jsonl.gz": (many_keys, "(CAUSERIE_LIMIT_LINE)"),
    "plain.jsonl": (plain_line, "(CAUSERIE_LIMIT_LINE)"),
    "texts.parquet": (long_texts, "(CAUSERIE_LIMIT_EXTRACT)"),
    "pages.parquet": (many_texts, "(CAUSERIE_LIMIT_ROW_GROUP)"),
    "bytes.parquet": (few_bytes, "(CAUSERIE_LIMIT_ROW_GROUP)"),
    "rows.parquet": (few_rows, "its footer says 10 rows, the pages of brand_id have 68,000 values"),
    "footer.parquet": (long_footer, "a footer of 1,073,741,824 bytes, more than 4,194,304"),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's peak")
@pytest.mark.fault(
    42,
    "a line of 6 GB in 6 MB of gzip, one of 1.2 GB, quotes and arrays that never close, Parquet that unfolds to 68 GB,"
    " also where its footer says otherwise",
    "refused before the memory is asked for",
)
def test_what_unfolds_to_more_than_there_is_room_for(tmp_path: Path, figure: Callable[[str], None]) -> None:
    peaks = {}
    for name, (write, said) in BOMBS.items():
        path = tmp_path / name
        write(path)
        done = subprocess.run([sys.executable, "-c", READER, path], capture_output=True, text=True, check=True)
        outcome, peak = done.stdout.splitlines()
        assert said in outcome, (name, outcome)
        peaks[name] = int(peak) * 1024
        path.unlink()
    assert max(peaks.values()) < GIB, peaks
    figure(f"{len(peaks)} of {len(BOMBS)} refused; peak {max(peaks.values()) // MIB} MiB")

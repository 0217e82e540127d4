"""What a file is by its first bytes, where it is not what its name says.

Not here: reading it.
"""

from __future__ import annotations

SIGNATURES = (
    (b"PK\x03\x04", "a zip archive, as spreadsheets (.xlsx) are too"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"BZh91AY&SY", "compressed with bzip2"),
    (b"\x04\x22\x4d\x18", "compressed with LZ4"),
    (b"PAR1", "a Parquet file"),
    (b"Obj\x01", "an Avro file"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet in the old .xls format"),
    (b"%PDF-", "a PDF"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xff\xfe\x00\x00", "text in UTF-32"),
    (b"\x00\x00\xfe\xff", "text in UTF-32"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)
LONGEST = 64


def known_kind(head: bytes) -> str | None:
    """What begins like this, in words; None for what may well be text in UTF-8. `head`: LONGEST bytes or all."""
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            return kind
    if len(head) >= 8 and (not any(head[1:LONGEST:2]) or not any(head[0:LONGEST:2])):
        return "text in UTF-16, without a byte order mark"
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if begin.startswith((b"<!doctype html", b"<html")):
        return "a web page, perhaps an error's or a login's"
    return "XML" if begin.startswith(b"<?xml") else None

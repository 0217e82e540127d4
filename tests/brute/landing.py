"""Contract-shaped rows to and from a landing folder.

Here: writing (JSON Lines, one file per dataset and extract day) and reading (every format of the contract), without
judging. Not here: where rows come from (brands.py, or any landing folder).
"""

import csv
import gzip
import json
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from brute.facts import Row, Rows, extract_day


def write(directory: Path, rows: Rows) -> list[Path]:
    """Write every row to `{dataset}/{extract day}/part-0.jsonl`; gives the files."""
    extracts: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for dataset, found in rows.items():
        for row in found:
            extracts[dataset, extract_day(row)].append(row)
    paths = []
    for (dataset, day), found in extracts.items():
        path = directory / dataset / day.isoformat() / "part-0.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [{name: _plain(value) for name, value in row.items() if name != "extract_day"} for row in found]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        paths.append(path)
    return paths


def read(directory: Path) -> Rows:
    """Every row of a landing folder of good rows, with its `extract_day`; times in UTC."""
    rows: Rows = defaultdict(list)
    for path in sorted(directory.glob("*/*/*")):
        day = date.fromisoformat(path.parts[-2])
        rows[path.parts[-3]] += [{**_typed(line), "extract_day": day} for line in _lines(path)]
    return dict(rows)


def _lines(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        lines: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return lines
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = content.decode()
    if ".csv" in path.name:
        return [
            {name: value or None for name, value in line.items()}
            for line in csv.DictReader(text.splitlines(keepends=True))
        ]
    return [json.loads(line) for line in text.split("\n") if line]


def _typed(line: dict[str, Any]) -> Row:
    return {name: None if value is None else _value(name, value) for name, value in line.items()}


def _value(name: str, value: Any) -> Any:
    if name.endswith("_at"):
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC)
    if name.endswith("_amount") or name in ("revenue", "amount"):
        return Decimal(value)
    if name in ("role", "score", "quantity", "line_number", "attribution_window_days"):
        return int(value)
    if name.startswith("is_"):
        return str(value).lower() == "true"
    return value


def known_until(rows: Rows) -> datetime:
    """K of these rows alone, no dataset being declared daily: the end, in UTC, of the newest extract day."""
    newest = max(extract_day(row) for found in rows.values() for row in found)
    return datetime.combine(newest + timedelta(days=1), time(), UTC)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value

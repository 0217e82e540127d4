"""Puts contract-shaped rows into a landing folder, as the extracts that would have brought them.

Here: JSON Lines, one file per dataset and extract day. Not here: where rows come from (brands.py).
"""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

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


def known_until(rows: Rows) -> datetime:
    """K of these rows alone, no dataset being declared daily: the end, in UTC, of the newest extract day."""
    newest = max(extract_day(row) for found in rows.values() for row in found)
    return datetime.combine(newest + timedelta(days=1), time(), UTC)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value

"""From rows to extracts: which UTC day a row belongs to, and the file that holds it.

Here: the book of rows and the writing of files. Not here: where rows come from.
"""

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.brand import BRAND_ID, ZONE

Row = dict[str, Any]

# Keys beside brand_id, and the time that says when a row was created or changed.
KEYS = {
    "brands": (), "members": ("member_id",), "conversations": ("conversation_id",), "messages": ("message_id",),
    "conversation_events": ("event_id",), "identities": ("system", "external_id"), "refunds": ("refund_id",),
    "calls": ("call_id",), "ratings": ("rating_id",), "member_activity": ("event_id",), "widget_events": ("event_id",),
    "site_events": ("event_id",), "hook_events": ("event_id",), "orders": ("order_id",),
    "order_lines": ("order_id", "line_number"), "experiences": ("experience_id",), "journeys": ("journey_id",),
    "journey_runs": ("run_id",), "journey_notifications": ("notification_id",),
}  # fmt: skip
EVENT_TIMES = {
    "messages": "sent_at", "member_activity": "occurred_at", "widget_events": "occurred_at",
    "site_events": "occurred_at", "hook_events": "occurred_at", "journey_notifications": "sent_at",
    "conversation_events": "occurred_at", "refunds": "refunded_at",
}  # fmt: skip

PARQUET = frozenset({"messages", "widget_events", "site_events"})
CSV = frozenset({"order_lines", "member_activity", "journey_notifications", "calls"})
# One source that speaks local time: any offset is as good as Z.
LOCAL_TIMES = frozenset({"conversations", "ratings"})

# Shares of rows that a real source sends again, or sends late, so that the ledger has something to show.
RESENT = 0.0004
LATE = {"messages": 0.0005, "widget_events": 0.0005}


@dataclass
class Summary:
    """What a call of `simulator.write` left on disk. Rows count every line, the re-sent ones included."""

    first_day: date
    last_day: date
    rows: dict[str, int] = field(default_factory=dict)
    files_written: int = 0
    files_unchanged: int = 0


class Book:
    """Every row of the simulation, by the UTC day of its extract."""

    def __init__(self, seed: int, brand_id: str = BRAND_ID) -> None:
        self._seed = seed
        self._brand_id = brand_id
        self._days: dict[tuple[str, date], dict[tuple[Any, ...], Row]] = defaultdict(dict)
        self._numbers: dict[str, int] = defaultdict(int)
        self._chance = Random(f"{seed} late")

    def new_id(self, prefix: str) -> str:
        """The next identifier of its kind."""
        self._numbers[prefix] += 1
        return f"{prefix}-{self._numbers[prefix]:07d}"

    def add(self, dataset: str, **columns: Any) -> None:
        """Put a row in the extract of the day on which it was written or changed.

        Of an entity's versions of one day only the last one stays: an extract is the state at the end of its day.
        """
        at: datetime = columns[EVENT_TIMES.get(dataset, "updated_at")]
        day = at.date()
        if dataset in LATE and self._chance.random() < LATE[dataset]:
            day += timedelta(days=self._chance.randint(1, 4))
        rows = self._days[dataset, day]
        key = tuple(columns[name] for name in KEYS[dataset])
        known = rows.get(key)
        if known is None or known["updated_at"] <= columns["updated_at"]:
            rows[key] = {"brand_id": self._brand_id, **columns}

    def write(self, directory: Path, first: date, last: date, part: int) -> Summary:
        """Write the extracts of first..last, each into its file of this number; what lies after `last` is the future,
        and stays unwritten."""
        summary = Summary(first, last)
        for dataset in KEYS:
            chance = Random(f"{self._seed} resent {dataset}")
            again: list[Row] = []
            summary.rows[dataset] = 0
            for number in range((last - first).days + 1):
                day = first + timedelta(days=number)
                rows = again + list(self._days.get((dataset, day), {}).values())
                again = [row for row in rows if chance.random() < RESENT]
                rows += [row for row in rows if chance.random() < RESENT]
                if rows:
                    summary.rows[dataset] += len(rows)
                    if _write_file(directory / dataset / day.isoformat(), part, dataset, rows):
                        summary.files_written += 1
                    else:
                        summary.files_unchanged += 1
        return summary


def _write_file(folder: Path, part: int, dataset: str, rows: list[Row]) -> bool:
    """Write one extract; False, and an untouched file, if these very bytes stand there already."""
    if dataset in PARQUET:
        name, content = f"part-{part}.parquet", _parquet(rows)
    elif dataset in CSV:
        name, content = f"part-{part}.csv.gz", _zip(_csv(rows))
    else:
        name, content = f"part-{part}.jsonl.gz", _zip(_json_lines(rows, ZONE if dataset in LOCAL_TIMES else UTC))
    path = folder / name
    if path.exists() and path.read_bytes() == content:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    # Under a name that no loader reads until it is whole.
    unfinished = folder / f".{name}.tmp"
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return True


def _zip(text: str) -> bytes:
    """Gzip without a time stamp, so that equal rows give equal bytes."""
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)


def _json_lines(rows: Iterable[Row], zone: Any) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(zone).isoformat().replace("+00:00", "Z")
        return str(value) if isinstance(value, Decimal) else value

    return "".join(json.dumps({name: plain(value) for name, value in row.items()}) + "\n" for row in rows)


def _csv(rows: list[Row]) -> str:
    def plain(value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([plain(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _parquet(rows: list[Row]) -> bytes:
    def kind(column: str) -> pa.DataType:
        if column.endswith("_at"):
            return pa.timestamp("us", tz="UTC")
        if column.startswith("is_"):
            return pa.bool_()
        if column == "content_type":
            return pa.list_(pa.string())
        return pa.int64() if column == "quantity" else pa.string()

    def plain(column: str, value: Any) -> Any:
        if column == "content_type":
            return [value] if isinstance(value, str) else value
        return str(value) if isinstance(value, Decimal) else value

    columns = {name: pa.array([plain(name, row[name]) for row in rows], kind(name)) for name in rows[0]}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()

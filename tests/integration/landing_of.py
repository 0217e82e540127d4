"""A landing folder of a test's own, the loader on it, and the raw tables to look at afterwards.

Not here: expectations (test_loading*.py).
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.sources.connectors.files import FilesSource
from orchestration.sources.connectors.mapping import Naming
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.load import LoadResult, load_extract
from orchestration.sources.loading.raw_tables import stored_columns

Row = dict[str, Any]
DAY = date(2026, 3, 10)


def message(number: int, **other: Any) -> Row:
    return {
        "brand_id": "acme",
        "message_id": f"m{number}",
        "conversation_id": f"c{number // 10}",
        "sender_type": "visitor",
        "sender_id": "v1",
        "sent_at": "2026-03-10T09:00:00Z",
        "is_automatic": False,
        "content_type": "text",
        **other,
    }


def brand(**other: Any) -> Row:
    return {
        "brand_id": "acme",
        "name": "Acme",
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "locale": "fr",
        "attribution_window_days": None,
        "working_hours": None,
        "updated_at": "2026-03-01T00:00:00Z",
        **other,
    }


def order(number: int, **other: Any) -> Row:
    return {
        "brand_id": "acme",
        "order_id": f"o{number}",
        "visitor_id": "v1",
        "channel": "web",
        "origin": "other",
        "ordered_at": "2026-03-10T10:00:00Z",
        "payment_method": "card",
        "currency": "EUR",
        "gross_amount": "10.00",
        "tax_amount": "0",
        "shipping_amount": "0",
        "discount_amount": "0",
        "updated_at": "2026-03-10T10:00:00Z",
        **other,
    }


def conversation(number: int, **other: Any) -> Row:
    return {
        "brand_id": "acme",
        "conversation_id": f"c{number}",
        "visitor_id": "v1",
        "kind": "customer",
        "source": "waiting_list",
        "channel": "web",
        "medium": "text",
        "initiated_by": "visitor",
        "requested_at": "2026-03-10T09:00:00Z",
        "is_blocked": False,
        "updated_at": "2026-03-10T09:00:00Z",
        **other,
    }


def write(path: Path, rows: Sequence[Row]) -> None:
    """Rows in the format that the path's ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".parquet":
        table = pa.table({name: [row.get(name) for row in rows] for name in names})
        pq.write_table(table, path)
        return
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="", encoding="utf-8") as file:
        if ".csv" in path.name:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
        else:
            file.writelines(json.dumps(row) + "\n" for row in rows)


@dataclass
class Raw:
    """The warehouse's raw tables with a landing folder in front of them."""

    connection: psycopg.Connection[Any]
    landing: Path
    naming: dict[str, Naming] = field(default_factory=dict)

    def source(self, dataset: str) -> FilesSource:
        return FilesSource(DATASETS[dataset], str(self.landing), self.naming.get(dataset, Naming()))

    def land(self, dataset: str, rows: Sequence[Row], day: date = DAY, name: str = "part-0.jsonl") -> Path:
        path = self.landing / dataset / day.isoformat() / name
        write(path, rows)
        return path

    def load(self, dataset: str, day: date = DAY) -> LoadResult:
        return load_extract(self.connection, DATASETS[dataset], day, self.source(dataset))

    def take(self, dataset: str, rows: Sequence[Row], day: date = DAY, name: str = "part-0.jsonl") -> LoadResult:
        self.land(dataset, rows, day, name)
        return self.load(dataset, day)

    def all(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connection.transaction():
            return self.connection.execute(query.encode(), parameters).fetchall()

    def state(self) -> dict[str, list[str]]:
        """All that follows from the set of extracts: raw rows by value, without the load and line that they are kept
        from (a row that comes again stays the one that it is), and the quarantine."""
        found: dict[str, list[str]] = {}
        for dataset in DATASETS.values():
            money = {column.name for column in dataset.columns if column.type == "money"}
            kept = ", ".join(
                f'trim_scale("{name}")' if name in money else f'"{name}"'
                for name in stored_columns(dataset)
                if name not in ("load_id", "place")
            )
            found[dataset.name] = [
                row[0] for row in self.all(f"select ({kept})::text from raw.{dataset.name} order by 1")
            ]
        found["quarantine"] = [
            str(row)
            for row in self.all(
                "select dataset, extract_day, brand_id, file, line, rule, column_name, value from raw.quarantine"
                " order by 1, 2, 3, 4, 5"
            )
        ]
        # Loaded, duplicate and superseded say how a row was met on its arrival; rejected is a state.
        found["rejected"] = [
            str(row)
            for row in self.all(
                "select e.dataset, e.extract_day, c.brand_id, c.rejected from raw.extract e"
                " join raw.load_count c using (load_id) order by 1, 2, 3"
            )
        ]
        return found


class Doomed:
    """A connection whose backend is killed just before the statement with the given number: `kill` is told its pid."""

    def __init__(self, connection: psycopg.Connection[Any], at: int, kill: Callable[[int], object]) -> None:
        self._execute = connection.execute
        self._pid = connection.info.backend_pid
        self._kill = kill
        self._left = at
        connection.execute = self.execute  # type: ignore[method-assign]

    def execute(self, *given: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self._kill(self._pid)
        return self._execute(*given)

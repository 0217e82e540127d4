"""Log lines for programs: with CAUSERIE_LOG=json, what is logged is one JSON object a line on standard error.

Here: their form. Not here: what is logged, or what commands print for people. While `causerie run` draws its progress,
lines go to its log file, those of Dagster's runs too; Dagster's own processes have `--log-format json`.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime

from orchestration.redaction import hide
from orchestration.settings import SettingsError

VARIABLE = "CAUSERIE_LOG"
FORMS = ("text", "json")


class JsonLine(logging.Formatter):
    """Instant (UTC), level, logger, message and, of an error, its traceback; without secrets of the environment."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": hide(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = hide(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class _Printed(io.TextIOBase):
    """A standard output whose lines go to standard error, as log lines of one logger."""

    def __init__(self, logger: str) -> None:
        self._logger = logger

    def write(self, text: str) -> int:
        for line in filter(str.strip, text.splitlines()):
            record = logging.makeLogRecord({"name": self._logger, "levelname": "INFO", "msg": line})
            print(JsonLine().format(record), file=sys.stderr)
        return len(text)


@contextmanager
def printed(logger: str) -> Iterator[None]:
    """While it lasts, what this process prints is logged by that name, where log lines are JSON: dbt's words are
    printed by whoever starts it. Raises SettingsError as `is_json`."""
    if is_json():
        with redirect_stdout(_Printed(logger)):
            yield
    else:
        yield


def is_json() -> bool:
    """Does CAUSERIE_LOG ask for JSON? Raises SettingsError where it says neither text nor json."""
    form = os.environ.get(VARIABLE) or "text"
    if form not in FORMS:
        raise SettingsError(f"{VARIABLE}: wanted one of {', '.join(FORMS)}, found {form!r}")
    return form == "json"


def configure() -> None:
    """Log as CAUSERIE_LOG says, by default as Python does. Raises SettingsError where it can't be read."""
    if is_json():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLine())
        logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)

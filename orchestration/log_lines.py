"""Log lines for programs: with CAUSERIE_LOG=json, what is logged is one JSON object a line on standard error.

Here: their form. Not here: what is logged, or what commands print for people. While `causerie run` draws its progress,
lines go to its log file, those of Dagster's runs too; Dagster's own processes have `--log-format json`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
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

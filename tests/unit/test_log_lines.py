"""Log lines for programs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from orchestration import log_lines
from orchestration.settings import SettingsError


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, given back as it was."""
    logger = logging.getLogger()
    before, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = before
    logger.setLevel(level)


def test_each_line_is_an_object_and_holds_no_secret(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAUSERIE_LOG", "json")
    monkeypatch.setenv("CAUSERIE_ALERT_WEBHOOK", "https://hooks.example/services/T000/secret-path")
    log_lines.configure()
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("orchestration.x").exception("told https://hooks.example/services/T000/secret-path")
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"]) == ("error", "orchestration.x")
    assert told["message"].startswith("told ") and "secret-path" not in line
    assert "two\nlines" in told["traceback"] and told["at"].endswith("+00:00")


def test_another_form_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSERIE_LOG", "xml")
    with pytest.raises(SettingsError, match="CAUSERIE_LOG: wanted one of text, json, found 'xml'"):
        log_lines.configure()


def test_by_default_nothing_is_touched(root: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAUSERIE_LOG", raising=False)
    before = root.handlers[:]
    log_lines.configure()
    assert root.handlers == before


def test_what_is_printed_is_logged_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "text"):
        monkeypatch.setenv("CAUSERIE_LOG", form)
        with log_lines.printed("dbt"):
            print("1 of 2 START\n\n2 of 2 START")
        shown = capsys.readouterr()
        if form == "text":
            assert (shown.out, shown.err) == ("1 of 2 START\n\n2 of 2 START\n", "")
        else:
            told = [json.loads(line) for line in shown.err.splitlines()]
            assert [(one["logger"], one["level"], one["message"]) for one in told] == [
                ("dbt", "info", "1 of 2 START"),
                ("dbt", "info", "2 of 2 START"),
            ]
            assert shown.out == ""

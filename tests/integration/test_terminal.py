"""The command line in a real terminal of 80 columns: large amounts in a currency of three decimals, long names, each
language.

Not here: what the tables do with their columns (tests/unit/test_wide_table.py), where nobody looks on (test_runs.py).
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from platforms import Copies
from rich.cells import cell_len

pytestmark = pytest.mark.xdist_group("small_days")
COLUMNS = 80
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MONTH = ("2025-06-01", "2025-06-30")
NAME = "Anne-Charlotte de la Rochefoucauld-Montmorency"


@pytest.fixture(scope="module")
def environment(small_days_again: Copies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The small days, whose brand has another currency, and whose people have longer names."""
    with small_days_again() as night:
        with night.connect() as connection:
            connection.execute(
                "update marts.dim_brand set currency = 'KWD', name = 'Maison Lumen et Filles, parfumeurs'"
            )
            connection.execute("update marts.dim_member set last_name = %s", [NAME])
            connection.execute("update marts.fct_order set gross_amount = gross_amount + 12345678")
            connection.commit()
        yield {
            **os.environ,
            "TERM": "xterm-256color",
            "CAUSERIE_HOME": str(tmp_path_factory.mktemp("terminal")),
            "CAUSERIE_DATABASE_URL": night.url,
            "CAUSERIE_LANDING": str(night.landing),
        }


def typed(environment: dict[str, str], *arguments: str) -> list[str]:
    """What a terminal of 80 columns was sent, line by line."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    command = [str(Path(sys.executable).parent / "causerie"), *arguments]
    environment = {name: value for name, value in environment.items() if name != "COLUMNS"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    sent = b""
    try:
        while some := os.read(ours, 65_536):
            sent += some
    except OSError:  # how Linux says that nobody has the other end any more
        pass
    finally:
        os.close(ours)
        process.wait(timeout=60)
    assert process.returncode in (0, 3), sent.decode()  # 3: what was given is not all good
    return re.split(r"\r\n|\r|\n", CONTROLS.sub("", sent.decode()))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report", "paris", *MONTH, "--lang", "fr", "--compare-previous"), "évolution"),
        (("report", "paris", "2025-06-01", "2025-06-05", "--lang", "es", "--breakdown", "day"), "indicador"),
        (("report", "till", *MONTH, "--lang", "en", "--ref", "Chat-Card-80", "--breakdown", "member"), "KWD"),
        (("report", "paris", *MONTH, "--lang", "fr", "--ref", "One-Line-8", "--ref", "Chat-Line-3"), "Chat-Line-3"),
        (("rows", "Chat-Card-80", "till", *MONTH, "--lang", "es"), "KWD"),
        (("rows", "Chat-List-1", "paris", *MONTH, "--lang", "fr"), "Rochefoucauld"),
        (("quality", "paris", "--lang", "fr"), "Aucune ligne n'attend en quarantaine"),
        (("check", "{file}", "--dataset", "messages"), "enumeration"),
        (("run",), "Nothing new"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(
    environment: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    file = tmp_path / "part-of-a-very-long-name-that-nobody-would-choose-but-a-program-that-exports.jsonl"
    file.write_text(
        '{"brand_id":"paris","message_id":"m","conversation_id":"c","sender_type":"Visitor","sender_id":"v",'
        '"sent_at":"2025-06-02T09:00:00Z","is_automatic":false,"content_type":"text"}\n'
    )
    lines = typed(environment, *(str(file) if one == "{file}" else one for one in arguments))
    assert [line for line in lines if cell_len(line) > COLUMNS] == []
    assert any(said in line for line in lines), lines
    assert [line for line in lines if "…" in line] == []

"""A canary in each setting that holds a secret: it is never printed, logged, sent or stored, whatever goes wrong.

Not here: the embedded server's own password (tests/integration/test_warehouse.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from webhook import Hook

from orchestration.redaction import hide
from orchestration.settings import Settings, SettingsError
from orchestration.sources.connectors.database import Database
from orchestration.sources.connectors.extract import Refusal

CANARY = "canary7f3a91"
# As people write passwords: fit for a URL, with characters that would have to be written otherwise, cut at any of them.
PASSWORDS = [
    CANARY,
    f"{CANARY}%zz",
    f"a@{CANARY}",
    f"{CANARY}@b",
    f"{CANARY}/c",
    f"a/{CANARY}",
    f"a#{CANARY}?x",
    f"9/{CANARY}",
]
URLS = ("CAUSERIE_DATABASE_URL", "CAUSERIE_LIVE_URL", "CAUSERIE_READER_URL")
FAULT = (
    36,
    "a password in each setting, fit for a URL or not",
    "never printed: not in the terminal, a log, an alert, the ledger, the process list",
)


@pytest.mark.fault(*FAULT)
@pytest.mark.parametrize("setting", URLS)
def test_a_url_that_can_not_be_read_is_refused_without_being_shown(setting: str, figure: Callable[[str], None]) -> None:
    readable = 0
    for password in PASSWORDS:
        try:
            Settings.from_environment({setting: f"postgresql://me:{password}@127.0.0.1:1/nowhere"})
            readable += 1
        except SettingsError as error:
            assert CANARY not in str(error) and setting in str(error)
            # Nor in what Python would print of it.
            assert error.__cause__ is None or error.__suppress_context__
    assert readable < len(PASSWORDS)


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_sources_own_url_is_shown_by_no_refusal(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a name by which nobody would know it for a secret."""
    monkeypatch.setenv("SHOP", f"postgresql://me:{password}@127.0.0.1:1/nowhere")
    with pytest.raises(Refusal) as refusal, Database("orders", None, "SHOP").connect("orders: query"):
        """Nobody gets here."""
    assert CANARY not in str(refusal.value)


def test_what_is_hidden_is_the_secret_and_nothing_else() -> None:
    given = {
        "CAUSERIE_DATABASE_URL": f"postgresql://me:a%40{CANARY}@host:5432/causerie",
        "CAUSERIE_HASH_KEY": CANARY + "x",
    }
    for text in (f"no a@{CANARY}", f"no a%40{CANARY}", f"host {CANARY}@host", f"://me:{CANARY}x@host", CANARY + "x"):
        assert CANARY not in hide(text, given), text
    assert hide("postgresql://me:secret@host/db?password=hush&x=1", {}) == "postgresql://***@host/db?password=***&x=1"
    plain = "the host host does not know causerie: 5432, me at b@example.org, https://example.org/a/b"
    assert hide(plain, given) == plain


@pytest.mark.fault(*FAULT)
def test_a_canary_in_each_setting_is_shown_by_no_command(
    database: str,
    connection: psycopg.Connection[object],
    hook: Hook,
    tmp_path: Path,
    figure: Callable[[str], None],
) -> None:
    sources = tmp_path / "sources.yml"
    sources.write_text(
        "datasets:\n  messages: {connector: sql, url_env: CHAT_URL, query: select 1, first: 2026-03-01}\n"
    )
    (tmp_path / "landing").mkdir()
    away = "127.0.0.1:1/nowhere"
    tried = [
        (["quarantine", "list"], {"CAUSERIE_DATABASE_URL": f"postgresql://me:{password}@{away}"})
        for password in (CANARY, f"{CANARY}%zz", f"a@{CANARY}")
    ]
    tried += [
        (["live", "b", "--once"], {"CAUSERIE_LIVE_URL": f"postgresql://me:{CANARY}@{away}"}),
        (["run"], {"CAUSERIE_LANDING": f"ftp://me:{CANARY}@127.0.0.1:1/extracts"}),
        (["run"], {"CAUSERIE_SOURCES": str(sources), "CHAT_URL": f"mysql://me:{CANARY}%zz@{away}"}),
        (["run"], {"CAUSERIE_SOURCES": str(sources), "CHAT_URL": f"postgresql://me:a@{CANARY}@{away}"}),
        (["run"], {"CAUSERIE_LANDING": "/dev/null/x", "CAUSERIE_ALERT_WEBHOOK": f"http://127.0.0.1:1/{CANARY}"}),
        (["run"], {"CAUSERIE_LANDING": "/dev/null/x", "CAUSERIE_ALERT_WEBHOOK": f"http://[{CANARY}"}),
        (["db", "psql", "-c", "select 1"], {"CAUSERIE_DATABASE_URL": f"postgresql://me:{CANARY}@{away}"}),
    ]
    for number, (arguments, environment) in enumerate(tried):
        home = tmp_path / str(number)
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli.main", *arguments],
            env={
                **os.environ, "CAUSERIE_HOME": str(home), "CAUSERIE_DATABASE_URL": database,
                "CAUSERIE_LANDING": str(tmp_path / "landing"), "CAUSERIE_ALERT_WEBHOOK": hook.url,
                **environment,
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert CANARY not in done.stdout + done.stderr, (arguments, environment)
        assert "Traceback" not in done.stderr, done.stderr
        written = [
            path
            for path in home.rglob("*")
            if path.is_file() and path.suffix != ".pgpass" and CANARY.encode() in path.read_bytes()
        ]
        assert written == [], (arguments, environment)
    assert CANARY not in str(hook.received)
    ledger = connection.execute("select coalesce(string_agg(l::text, ' '), '') from raw.load as l").fetchone()
    assert CANARY not in str(ledger)
    figure(f"{len(PASSWORDS) * len(URLS) + len(tried)} settings, shown 0")

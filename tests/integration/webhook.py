"""A webhook: a real HTTP server on loopback that takes alerts and pings, and remembers them.

Not here: what they should say (test_alerts.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

PATH = "/hooks/a-secret-that-only-the-hook-may-see"


class Hook:
    """What it was sent (an empty mapping for a ping, which says nothing), and what it answers."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == PATH
                assert self.headers["Content-Type"] == "application/json"
                hook.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                self.end_headers()

            def do_GET(self) -> None:
                assert self.path == PATH
                hook.received.append({})
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Into no log."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}{PATH}"

    @property
    def said(self) -> str:
        (message,) = self.received
        assert set(message) == {"text"}
        return str(message["text"])

    @property
    def pings(self) -> int:
        return self.received.count({})

    @property
    def alerts(self) -> list[str]:
        return [str(message["text"]) for message in self.received if message]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    opened = Hook()
    thread = Thread(target=opened.server.serve_forever)
    thread.start()
    yield opened
    opened.server.shutdown()
    thread.join()
    opened.server.server_close()

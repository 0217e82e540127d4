"""A local server that speaks as the REST interfaces of shops and chats do: pages, limits, and who may ask.

Not here: what is asked of it (test_landing_rest.py).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request: its path without the query, the query, the body, and the headers by their small names."""

    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Interface:
    """A server on loopback; `asked` is what it was asked. The next `busy` requests are turned away as too many."""

    answer: Callable[[Asked], Answer]
    url: str = ""
    busy: int = 0
    asked: list[Asked] = field(default_factory=list)

    def reply(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if self.busy:
            self.busy -= 1
            return Answer({"errors": "Exceeded 2 calls per second"}, 429, {"Retry-After": "0"})
        return self.answer(asked)


@contextmanager
def serve(answer: Callable[[Asked], Answer]) -> Iterator[Interface]:
    """A server whose every request `answer` answers."""
    interface = Interface(answer)

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = interface.reply(Asked(parts.path, dict(parse_qsl(parts.query)), body, headers))
            written = json.dumps(told.body).encode()
            self.send_response(told.status)
            for name, value in {**told.headers, "Content-Length": str(len(written))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = _reply

        def log_message(self, *told: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    interface.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield interface
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

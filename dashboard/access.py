"""Who may reach the screens, and what a browser may do with them.

Here: security headers, the names the site answers to, forms of its own pages only, and the rule that without a login it
is for this machine alone. Not here: signing in (sign_in.py), what a reader may see of marts (orchestration/marts).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers as RequestHeaders
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ["127.0.0.1", "localhost", "[::1]", "::1"]
# Nothing inline, nothing from elsewhere, nothing framed; pictures of charts are made in the page (blob:).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


class AccessError(RuntimeError):
    """The screens would be open to others without a login; the message says what to do."""


def check_address(host: str) -> None:
    """Without a login the screens are for this machine alone. Raises AccessError for any other address."""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise AccessError(
            f"without a login the screens are for this machine alone, and {host} can be reached from others: use"
            " 127.0.0.1, or let people sign in by OpenID Connect (CAUSERIE_OIDC_ISSUER, see README)"
        )


class Headers:
    """Adds the security headers to every answer; pages are nobody's to keep, static files are for an hour."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                is_static = scope["path"].startswith("/static/")
                headers["cache-control"] = "max-age=3600" if is_static else "no-store"
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)


class OwnHosts:
    """Refuses requests by other names than its own: another site's name may be made to lead to this machine."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app, self.hosts = app, set(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = RequestHeaders(scope=scope).get("host", "")
            name = host if host in self.hosts else host.rsplit(":", 1)[0]
            if name not in self.hosts:
                refused = PlainTextResponse(f"This site does not answer to {name[:200]!r}.", status_code=421)
                return await refused(scope, receive, send)
        return await self.app(scope, receive, send)


class OwnForms:
    """Takes what changes something from this site's own pages only, by the headers that browsers set themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            headers = RequestHeaders(scope=scope)
            origin = headers.get("origin", "")
            is_own = bool(origin) and urlsplit(origin).netloc == headers.get("host")
            if not is_own or headers.get("sec-fetch-site", "same-origin") != "same-origin":
                refused = PlainTextResponse("Forms are taken from this site's own pages only.", status_code=403)
                return await refused(scope, receive, send)
        return await self.app(scope, receive, send)

"""Who looks at the screens, as an OpenID Connect provider says, and whose brands it lets them see.

Here: going to the provider and back (Authlib), the session in a signed cookie, and that nobody sees a page without one.
Not here: what a brand's role sees of marts (orchestration/marts/access.py), which enforces it whatever a page asks.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.starlette_client import OAuth
from httpx import HTTPError
from joserfc.errors import JoseError
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestration import warehouse
from orchestration.settings import OpenId, Settings

SESSION_SECONDS = 8 * 3600
EVERY_BRAND = "*"
# What is shown without a session: nothing that tells of a brand; /metrics asks for a token of its own.
OPEN_PATHS = ("/static/", "/sign-in", "/signed-in", "/signed-out", "/metrics")


@dataclass(frozen=True)
class Viewer:
    """Somebody who has signed in. `brands`: the ids of those that the provider's claim names, `*` standing for all."""

    subject: str
    name: str
    brands: tuple[str, ...]

    def may_see(self, brand_id: str) -> bool:
        return EVERY_BRAND in self.brands or brand_id in self.brands


class SignInError(RuntimeError):
    """Somebody can't be signed in: `phrase` is the key of the words that say why, this error's text what fills them."""

    def __init__(self, status: int, phrase: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.phrase = status, phrase


class SignIn:
    """The routes and the middleware of signing in."""

    def __init__(self, settings: Settings, provider: OpenId) -> None:
        self._provider = provider
        self._key = _session_key(settings)
        self._client: Any = OAuth().register(
            "provider",
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": provider.scope, "code_challenge_method": "S256", "timeout": 10},
        )

    @property
    def host(self) -> str:
        """The name by which browsers reach the screens."""
        return urlsplit(self._provider.public_url).hostname or ""

    def routes(self) -> list[Route]:
        return [
            Route("/sign-in", self._begin),
            Route("/signed-in", self._end),
            Route("/sign-out", self._leave, methods=["POST"]),
        ]

    def middleware(self) -> list[Middleware]:
        is_https = self._provider.public_url.startswith("https://")
        return [
            # Lax: the provider's answer is a navigation from another site, and needs the cookie.
            Middleware(
                SessionMiddleware, secret_key=self._key, session_cookie="causerie", max_age=SESSION_SECONDS,
                same_site="lax", https_only=is_https,
            ),
            Middleware(SignedInOnly),
        ]  # fmt: skip

    async def _begin(self, request: Request) -> Response:
        request.session.clear()
        request.session["next"] = _own_address(request.query_params.get("next", ""))
        try:
            there = f"{self._provider.public_url.rstrip('/')}/signed-in"
            answer: Response = await self._client.authorize_redirect(request, there)
            return answer
        except (HTTPError, RuntimeError, ValueError) as error:
            raise SignInError(502, "error_provider_silent", type(error).__name__) from error

    async def _end(self, request: Request) -> Response:
        wanted = _own_address(request.session.get("next", ""))
        try:
            claims = (await self._client.authorize_access_token(request)).get("userinfo") or {}
        except (OAuthError, JoseError, HTTPError, RuntimeError, ValueError) as error:
            request.session.clear()
            raise SignInError(403, "error_not_signed_in", type(error).__name__) from error
        request.session.clear()
        viewer = self._viewer(claims)
        if viewer is None:
            raise SignInError(403, "error_nobody", "sub")
        request.session["viewer"] = {"subject": viewer.subject, "name": viewer.name, "brands": viewer.brands}
        request.session["until"] = int(time.time()) + SESSION_SECONDS
        return RedirectResponse(wanted, status_code=303)

    async def _leave(self, request: Request) -> Response:
        request.session.clear()
        # In the language of the page that was left.
        said = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/signed-out{said}", status_code=303)

    def _viewer(self, claims: dict[str, Any]) -> Viewer | None:
        subject = claims.get("sub")
        if not subject:
            return None
        said = claims.get(self._provider.brands_claim)
        brands = [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, str) and one]
        name = claims.get("name") or claims.get("email") or subject
        return Viewer(str(subject), str(name), tuple(dict.fromkeys(brands)))


class SignedInOnly:
    """Sends whoever has no session to sign in; forms and fragments are refused."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(OPEN_PATHS):
            return await self.app(scope, receive, send)
        request = Request(scope)
        if viewer := _of_session(request):
            scope.setdefault("state", {})["viewer"] = viewer
            return await self.app(scope, receive, send)
        answer: Response = PlainTextResponse("Sign in first.", 401)
        if scope["method"] == "GET" and "fragment" not in request.query_params:
            here = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
            answer = RedirectResponse(f"/sign-in?{urlencode({'next': here})}", status_code=303)
        await answer(scope, receive, send)


def viewer_of(request: Request) -> Viewer | None:
    """Who has signed in; None where the screens have no login."""
    found: Viewer | None = getattr(request.state, "viewer", None)
    return found


def _of_session(request: Request) -> Viewer | None:
    said, until = request.session.get("viewer"), request.session.get("until", 0)
    if not said or time.time() >= until:
        return None
    return Viewer(said["subject"], said["name"], tuple(said["brands"]))


def _own_address(address: str) -> str:
    """An address of this site, so that signing in leads nowhere else."""
    is_own = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_own and address.isprintable() else "/overview"


def _session_key(settings: Settings) -> str:
    """What signs the cookies, made once; whoever removes the file signs everybody out."""
    settings.make_home()
    file = settings.home / "logins" / "sessions.key"
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        warehouse.write_whole(file, secrets.token_urlsafe(48))
    return file.read_text(encoding="ascii")

"""Figures of the screens for Prometheus: requests by page and status, their seconds, answers that were kept.

Here: counting requests, the page /metrics and who may see it. Not here: figures of what runs left, which stand on that
page where the login sees every brand (readers/published_figures.py). Needs the extra `metrics`.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.answers import Kept
from dashboard.site import Site
from orchestration.readers.published_figures import Published

# What is no page of ours has one name, whatever people ask for: each name is a series that Prometheus keeps.
NO_PAGE = "none"
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)


class KeptAnswers(Collector):
    """How many answers were asked for, and how many of them had been kept."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def collect(self) -> Iterator[Metric]:
        answers = CounterMetricFamily(
            "causerie_screens_answers", "Answers that pages needed, by where from.", labels=["source"]
        )
        answers.add_metric(["kept"], self._kept.hits)
        answers.add_metric(["database"], self._kept.misses)
        yield answers


class RequestFigures:
    """What the requests of one application were like, and the page that tells it."""

    def __init__(self, site: Site) -> None:
        self._token = site.settings.metrics_token
        self.registry = CollectorRegistry(auto_describe=False)
        self.requests = Counter(
            "causerie_screens_requests", "Requests by page and HTTP status.", ["page", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "causerie_screens_request_seconds", "Seconds from a request to the end of its answer.", ["page"],
            registry=self.registry, buckets=BUCKETS,
        )  # fmt: skip
        self.registry.register(KeptAnswers(site.kept))
        # Where people sign in, the login reads nothing but as one brand's role.
        if site.settings.open_id is None:
            self.registry.register(Published(site.pool.connection))
        self._is_open = site.settings.open_id is None and self._token is None

    def routes(self) -> list[Route]:
        return [Route("/metrics", self.page)]

    def middleware(self) -> list[Middleware]:
        return [Middleware(Counted, figures=self)]

    def page(self, request: Request) -> Response:
        """For whoever may see the screens without a login, else for whoever sends CAUSERIE_METRICS_TOKEN."""
        if not self._is_open and not self._is_scraper(request):
            wanted = {"www-authenticate": "Bearer"}
            return PlainTextResponse("Send CAUSERIE_METRICS_TOKEN as a bearer token.", 401, wanted)
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.registry), media_type=kind)

    def _is_scraper(self, request: Request) -> bool:
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        # Without a token set, nobody has the right one.
        return (
            scheme.lower() == "bearer"
            and bool(self._token)
            and hmac.compare_digest(sent.strip().encode(), str(self._token).encode())
        )


class Counted:
    """Counts every request, those too that never reach a page."""

    def __init__(self, app: ASGIApp, figures: RequestFigures) -> None:
        self.app, self.figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            # The route's own path: what stands for {ref} is not told.
            page = getattr(scope.get("route"), "path", NO_PAGE)
            self.figures.requests.labels(page, str(status)).inc()
            self.figures.seconds.labels(page).observe(time.perf_counter() - began)

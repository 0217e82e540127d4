"""What visitors do in the chat widget, whether or not a conversation comes of it.

Here: widget events. Not here: the conversation itself.
"""

from datetime import datetime, timedelta
from random import Random

from simulator.extracts import Book
from simulator.visitors import Visitor

PAGES = tuple(
    f"https://maison-lumen.example/{path}"
    for path in ("", "lamps", "lamps/aurora", "lamps/halo", "candles", "candles/cedar", "gifts?from=menu", "stores#map")
)


class Widget:
    """One browser with the widget on the page."""

    def __init__(self, book: Book, rng: Random) -> None:
        self._book = book
        self._rng = rng

    def event(self, visitor: Visitor, browser: str, at: datetime, event_type: str, page_url: str | None) -> None:
        """Write one widget event."""
        self._book.add(
            "widget_events", event_id=self._book.new_id("widget"), session_id=browser, visitor_id=visitor.visitor_id,
            occurred_at=at, event_type=event_type, widget_version="4.2.0" if self._rng.random() < 0.9 else None,
            page_url=page_url, ad_id=visitor.ad_id, ad_payload=visitor.ad_payload,
        )  # fmt: skip

    def look(self, visitor: Visitor, at: datetime) -> None:
        """A visit of the site without a conversation: nearly always an impression, sometimes a look inside."""
        rng, browser, page = self._rng, visitor.browser(self._rng), self._rng.choice(PAGES)
        at = self._step(visitor, browser, at, "impression", page)
        if rng.random() < 0.25:
            if rng.random() < 0.4:
                at = self._step(visitor, browser, at, rng.choice(("click", "notification_click")), page)
            at = self._step(visitor, browser, at, "open", page)
            for event_type in ("list_members", "view_member", "other"):
                if rng.random() < 0.25:
                    at = self._step(visitor, browser, at, event_type, page)
            self._step(visitor, browser, at, "close", page)

    def ask(self, visitor: Visitor, at: datetime, event_type: str, page: str) -> str:
        """The moments around a request at `at`: what led to it, and the request itself. Gives the browser."""
        browser = visitor.browser(self._rng)
        opened = at - timedelta(seconds=self._rng.randint(5, 90))
        self.event(visitor, browser, opened - timedelta(seconds=3), "impression", page)
        self.event(visitor, browser, opened, "open", page)
        if event_type == "request_direct":
            self.event(visitor, browser, opened + timedelta(seconds=2), "view_member", page)
        self.event(visitor, browser, at, event_type, page)
        return browser

    def _step(self, visitor: Visitor, browser: str, at: datetime, event_type: str, page: str) -> datetime:
        self.event(visitor, browser, at, event_type, page)
        return at + timedelta(seconds=self._rng.randint(1, 60))

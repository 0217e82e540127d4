"""The people who visit: they come back, on one or two browsers, and some become customers.

Here: who visits. Not here: what they do.
"""

from dataclasses import dataclass, field
from random import Random

ADS = (("ad-spring", "carousel-1"), ("ad-spring", "carousel-2"), ("ad-lamps", None), ("ad-gift", "story"))


@dataclass
class Visitor:
    """A visitor as the widget knows them. `browsers` are permanent session ids; the ad is that of the visit under way.
    `recent_products` are those recommended to them last."""

    visitor_id: str
    browsers: list[str]
    ad_id: str | None
    ad_payload: str | None
    customer_id: str | None = None
    recent_products: list[str] = field(default_factory=list)

    def browser(self, rng: Random) -> str:
        """The browser of this visit, mostly the first one."""
        return self.browsers[0] if rng.random() < 0.8 else rng.choice(self.browsers)


class Visitors:
    """Everybody seen so far. The recent ones come back more often than the old ones."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._seen: list[Visitor] = []

    def arrive(self) -> Visitor:
        """Somebody new, or in two cases of five somebody seen before."""
        rng = self._rng
        if self._seen and rng.random() < 0.4:
            age = min(int(rng.expovariate(1 / 400)), len(self._seen) - 1)
            visitor = self._seen[-1 - age]
            visitor.ad_id, visitor.ad_payload = self._ad(0.08)
            return visitor
        number = len(self._seen) + 1
        browsers = [f"browser-{number:06d}-{copy}" for copy in range(1 if rng.random() < 0.8 else 2)]
        visitor = Visitor(f"visitor-{number:06d}", browsers, *self._ad(0.15))
        self._seen.append(visitor)
        return visitor

    def _ad(self, share: float) -> tuple[str | None, str | None]:
        """Some ad in that share of the visits."""
        return self._rng.choice(ADS) if self._rng.random() < share else (None, None)

"""What visitors do on the site and what they buy: product views, recommendations, carts, orders; and what comes back.

Here: site events, orders with their lines and refunds, and who is who between the shop and the chat. Not here: the
conversations that led there.
"""

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from simulator.brand import CURRENCY
from simulator.conversations import Outcome
from simulator.extracts import Book
from simulator.personalisation import Personalisation
from simulator.rhythm import after
from simulator.visitors import Visitor
from simulator.widget import PAGES

CENT = Decimal("0.01")
# Prices in cents, tax included.
PRODUCTS = {f"lamp-{number:02d}": 4900 + 1730 * number for number in range(1, 13)} | {
    f"candle-{number:02d}": 1900 + 250 * number for number in range(1, 9)
}
NAMES = tuple(PRODUCTS)
IDENTITY_SYSTEM = "email_sha256"


class Shop:
    """The web shop and its tills."""

    def __init__(self, book: Book, rng: Random, campaigns: Personalisation, seed: int) -> None:
        self._book = book
        self._rng = rng
        self._campaigns = campaigns
        # Chances of their own, so that nothing else hangs on refunds and identities.
        self._aside = Random(f"{seed} refunds and identities")
        self._linked: set[str] = set()

    def browse(self, visitor: Visitor, at: datetime) -> None:
        """A visit to the site: pages, products, perhaps a personalisation, a recommendation, a cart, an order."""
        rng, browser = self._rng, visitor.browser(self._rng)
        at = self._event(visitor, browser, at, "page_view")
        experience = self._campaigns.experience(at) if rng.random() < 0.3 else None
        if experience:
            at = self._event(visitor, browser, at, "personalisation_shown", experience_id=experience)
        # Some come back for what they were recommended another day.
        product = rng.choice(visitor.recent_products if visitor.recent_products and rng.random() < 0.4 else NAMES)
        if rng.random() < 0.35:
            visitor.recent_products = [*visitor.recent_products[-2:], product]
            at = self._event(visitor, browser, at, "recommendation_shown", product_id=product)
            if rng.random() < 0.2:
                at = self._event(visitor, browser, at, "recommendation_click", product_id=product)
            elif rng.random() < 0.8:
                product = rng.choice(NAMES)
        if rng.random() < 0.6:
            at = self._event(visitor, browser, at, "product_view", product_id=product)
            if rng.random() < 0.25:
                at = self._fill_cart(visitor, browser, at, product)
                if rng.random() < 0.35:
                    at = self._event(visitor, browser, at, "checkout_start")
                    if rng.random() < 0.6:
                        self.order(visitor, at, first_product=product)
                        at = self._event(visitor, browser, at, "checkout_complete")
        if experience and rng.random() < 0.12:
            self._event(
                visitor, browser, at, "goal_converted", experience_id=experience,
                goal_id=rng.choice(("sale", "signup")),
                revenue=Decimal(rng.randint(1500, 20000)) * CENT if rng.random() < 0.6 else None,
            )  # fmt: skip

    def follow_up(self, outcome: Outcome) -> None:
        """What a dialogue sells: credited by the shop, found by the window, too late for it, or by publication."""
        rng, last = self._rng, outcome.last_message_at
        if last is None or rng.random() > 0.16:
            return
        at = after(rng, last, 3 * 3600, 2)
        fate = rng.random()
        if fate < 0.55:
            member = outcome.member_id if rng.random() < 0.9 else None
            channel = rng.choice(("direct", "web", "app", "store"))
            if channel == "web":
                at = self._check_out(outcome.visitor, at)
            self.order(outcome.visitor, at, channel, "conversation", outcome.conversation_id, member)
        elif fate < 0.65:
            self.order(outcome.visitor, at + timedelta(days=25), "web", "other")
        elif fate < 0.72:
            self.order(outcome.visitor, at, "web", "publication")
        else:
            self.order(outcome.visitor, at, "store" if fate > 0.9 else "web", "other")

    def _check_out(self, visitor: Visitor, at: datetime) -> datetime:
        """The way of who comes to buy what was talked about; gives the moment of the order."""
        browser = visitor.browser(self._rng)
        at = self._event(visitor, browser, at, "page_view")
        at = self._fill_cart(visitor, browser, at, self._rng.choice(NAMES))
        return self._event(visitor, browser, at, "checkout_start")

    def counter_sale(self, at: datetime) -> None:
        """A sale of a shop's till, brought by an import: of nobody, or of a customer without a visitor."""
        customer = self._book.new_id("customer") if self._rng.random() < 0.5 else None
        self.order(None, at, "store", "import", customer=customer)

    def order(
        self, visitor: Visitor | None, at: datetime, channel: str = "web", origin: str = "other",
        conversation: str | None = None, member: str | None = None,
        first_product: str | None = None, customer: str | None = None,
    ) -> None:  # fmt: skip
        """An order with its lines, and what becomes of it: paid, paid at the door days later, cancelled."""
        rng, book = self._rng, self._book
        order_id = book.new_id("order")
        total, discounts = 0, 0
        for line in range(rng.choice((1, 1, 1, 2, 3))):
            product = first_product if first_product and not line else rng.choice(NAMES)
            quantity = rng.choice((1, 1, 1, 2, 4))
            total += quantity * PRODUCTS[product]
            book.add(
                "order_lines", order_id=order_id, line_number=line + 1, product_id=product, quantity=quantity,
                unit_amount=PRODUCTS[product] * CENT, updated_at=at,
            )  # fmt: skip
        if rng.random() < 0.15:
            discounts = total // 10
        shipping = 690 if channel != "store" and total < 15_000 else 0
        if visitor and not visitor.customer_id and rng.random() < 0.7:
            visitor.customer_id = book.new_id("customer")
        method = rng.choices(("card", "cash_on_delivery", "transfer", "other"), (78, 12, 7, 3))[0]
        row = {
            "order_id": order_id,
            "visitor_id": visitor.visitor_id if visitor else None,
            "customer_id": visitor.customer_id if visitor else customer,
            "conversation_id": conversation,
            "member_id": member,
            "channel": channel,
            "origin": origin,
            "ordered_at": at,
            "checked_out_at": at + timedelta(seconds=20) if channel != "store" else None,
            "paid_at": at + timedelta(seconds=50) if method == "card" else None,
            "cancelled_at": None,
            "payment_method": method,
            "currency": CURRENCY,
            "gross_amount": (total - discounts + shipping) * CENT,
            "tax_amount": ((total - discounts) * CENT / 6).quantize(CENT),
            "shipping_amount": shipping * CENT,
            "discount_amount": discounts * CENT,
            "identity_system": None,
            "identity_id": None,
        }
        if visitor and self._aside.random() < 0.12:
            row |= {"visitor_id": None, "identity_system": IDENTITY_SYSTEM, "identity_id": self._identity(visitor, at)}
        book.add("orders", **row, updated_at=at + timedelta(minutes=1))
        changed = at
        if method != "card" and rng.random() < 0.85:
            changed = row["paid_at"] = after(rng, at, 3 * 86_400, 0.5)
            book.add("orders", **row, updated_at=changed)
        if rng.random() < 0.06:
            row["cancelled_at"] = after(rng, changed, 86_400)
            book.add("orders", **row, updated_at=row["cancelled_at"])
        if row["paid_at"] and self._aside.random() < 0.06:
            self._refund(order_id, changed, (total - discounts + shipping) * CENT)

    def _identity(self, visitor: Visitor, at: datetime) -> str:
        """What a shop without a chat calls a buyer; whom it is, is known by then as a rule, at times days later."""
        external_id = hashlib.sha256(visitor.visitor_id.encode()).hexdigest()
        if external_id not in self._linked:
            self._linked.add(external_id)
            learnt = at if self._aside.random() < 0.9 else after(self._aside, at, 2 * 86_400)
            self._book.add(
                "identities", system=IDENTITY_SYSTEM, external_id=external_id, visitor_id=visitor.visitor_id,
                updated_at=learnt,
            )  # fmt: skip
        return external_id

    def _refund(self, order_id: str, since: datetime, gross: Decimal) -> None:
        """All of it, or a part, days later."""
        part = gross if self._aside.random() < 0.5 else (gross * self._aside.randint(10, 60) / 100).quantize(CENT)
        self._book.add(
            "refunds", refund_id=self._book.new_id("refund"), order_id=order_id,
            refunded_at=after(self._aside, since, 4 * 86_400), amount=part, currency=CURRENCY,
        )  # fmt: skip

    def _fill_cart(self, visitor: Visitor, browser: str, at: datetime, product: str) -> datetime:
        at = self._event(visitor, browser, at, "add_to_cart", product_id=product, quantity=self._rng.randint(1, 3))
        if self._rng.random() < 0.15:
            at = self._event(visitor, browser, at, "remove_from_cart", product_id=product, quantity=1)
        return at

    def _event(
        self, visitor: Visitor, browser: str, at: datetime, event_type: str, product_id: str | None = None,
        quantity: int | None = None, experience_id: str | None = None, goal_id: str | None = None,
        revenue: Decimal | None = None,
    ) -> datetime:  # fmt: skip
        """Write one site event; gives the moment of the next one, now and then after a pause that cuts the session."""
        self._book.add(
            "site_events", event_id=self._book.new_id("site"), session_id=browser, visitor_id=visitor.visitor_id,
            occurred_at=at, event_type=event_type, page_url=self._rng.choice(PAGES), product_id=product_id,
            quantity=quantity, experience_id=experience_id, goal_id=goal_id, revenue=revenue,
            ad_id=visitor.ad_id, ad_payload=visitor.ad_payload,
        )  # fmt: skip
        return after(self._rng, at, 25 if self._rng.random() < 0.97 else 2400, 0.8)

"""Section 6 of the indicators, its first part: orders and the customers who placed them.

Here: orders whether or not a dialogue earned them. Not here: credit (sales.py).
"""

from collections import defaultdict
from collections.abc import Collection
from fractions import Fraction

from brute.facts import Row
from brute.figures import Answers, amount, average, count, ratio
from brute.question import Question

Buyer = tuple[str, str]


def figures(question: Question) -> Answers:
    ask = question
    placed = [
        order
        for order in ask.facts.orders
        if ask.in_window(order["ordered_at"]) and ask.passes_channel(order["channel"])
    ]
    paid = [order for order in placed if ask.known(order["paid_at"])]
    buyers, customers = {_buyer(order) for order in paid} - {None}, {_buyer(order) for order in placed} - {None}
    return {
        ("Shop-Card-1", None): count(paid),
        ("Shop-Card-2", None): amount(_gross(paid)),
        ("Shop-Card-3", None): average(_gross(paid)),
        ("Shop-Card-1a", None): count(placed),
        ("Shop-Card-2a", None): amount(_gross(placed)),
        ("Shop-Card-3a", None): average(_gross(placed)),
        ("Cust-Card-1", None): count(buyers),
        ("Cust-Card-1a", None): count(customers),
        ("Cust-Card-2", None): count(_repeat_customers(ask)),
        ("Cust-Card-3", None): ratio(_pieces(ask, paid), len(buyers)),
        ("Cust-Card-3a", None): ratio(_pieces(ask, placed), len(customers)),
    }


def _repeat_customers(ask: Question) -> list[Buyer]:
    """Of all time: neither dates nor slot nor weekdays are asked."""
    orders: dict[Buyer, int] = defaultdict(int)
    for order in ask.facts.orders:
        buyer = _buyer(order)
        if buyer and ask.known(order["ordered_at"]) and ask.known(order["paid_at"]):
            orders[buyer] += ask.passes_channel(order["channel"])
    return [buyer for buyer, number in orders.items() if number >= 2]


def _buyer(order: Row) -> Buyer | None:
    """The customer, else the visitor: never taken for one another, even under one name."""
    if order["customer_id"] is not None:
        return "customer", order["customer_id"]
    return None if order["visitor_id"] is None else ("visitor", order["visitor_id"])


def _gross(orders: Collection[Row]) -> list[Fraction]:
    return [Fraction(order["gross_amount"]) for order in orders]


def _pieces(ask: Question, orders: Collection[Row]) -> int:
    """Quantities of all lines of those of the orders that have a buyer."""
    bought = {order["order_id"] for order in orders if _buyer(order)}
    return sum(line["quantity"] for line in ask.facts.order_lines if line["order_id"] in bought)

"""The week of a brand as a mail: its headlines beside the week before, and how far the data can be trusted.

Here: what the mail says, as HTML and text, and sending it. Not here: how numbers are asked and drawn (elements.py).
"""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import jinja2
import psycopg

from dashboard import answers, filters, pages, words
from dashboard.answers import Kept
from dashboard.elements import Drawn, View
from dashboard.site import FOLDER
from orchestration.catalogue import catalogue
from orchestration.readers import brand as brands
from orchestration.readers import quality
from orchestration.readers.report import ReportError, Span, period_of

TIMEOUT_SECONDS = 30


class MailError(RuntimeError):
    """A mail that can't be sent; the message says why, without the server's password."""


@dataclass(frozen=True)
class Mailbox:
    """Where mails go: CAUSERIE_SMTP_URL (smtp://user:password@host:587, or smtps:// for TLS from the first byte),
    CAUSERIE_DIGEST_FROM, and CAUSERIE_DIGEST_TO, addresses with commas between."""

    sender: str
    receivers: tuple[str, ...]
    url: str = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Mailbox | None:
        """None where no server is named. Raises MailError where something is missing beside it."""
        given = os.environ if environment is None else environment
        url, sender = given.get("CAUSERIE_SMTP_URL", ""), given.get("CAUSERIE_DIGEST_FROM", "")
        receivers = tuple(filter(None, map(str.strip, given.get("CAUSERIE_DIGEST_TO", "").split(","))))
        if not url:
            return None
        if urlsplit(url).scheme not in ("smtp", "smtps") or not urlsplit(url).hostname:
            raise MailError("CAUSERIE_SMTP_URL is no address of a mail server: smtp://host:587 or smtps://host:465")
        if not sender or not receivers:
            raise MailError("CAUSERIE_SMTP_URL is set: CAUSERIE_DIGEST_FROM and CAUSERIE_DIGEST_TO are needed too")
        return cls(sender, receivers, url)


@dataclass(frozen=True)
class Digest:
    """The mail of a brand's week."""

    subject: str
    html: str
    text: str
    span: Span


def of_week(
    connection: psycopg.Connection[Any], brand_id: str, language: str | None = None, week: Span | None = None
) -> Digest:
    """The digest of a week, Monday to Sunday of the brand; by default the newest one that the data hold completely, in
    the language of the brand.

    Raises ReportError where the brand is unknown or nothing is published.
    """
    brand = brands.about(connection, brand_id, {})
    if brand.data_through is None:
        raise ReportError("no complete extract day is published: there is no week to tell of")
    language = language or brand.language
    span = week or period_of("week", brand.last_day - timedelta(days=6))
    first, last = (day.isoformat() for day in span)
    said = words.load(language)
    view = View(brand, filters.read([("from", first), ("to", last)], brand, language), said, catalogue.load())
    cards = [Drawn(element, view) for element in pages.load().headlines]
    found = answers.ask(
        connection, Kept(), brand, view.filters, dict.fromkeys(a for card in cards for a in card.asks())
    )
    judged = quality.checks(connection, brand.brand_id)
    title = said["digest_title"].format(brand.name, said.span(*span))
    context = {
        "t": said, "brand": brand, "title": title, "cards": [card.card(found) for card in cards],
        "failed": [check for check in judged if not check.passed], "judged": len(judged), "filters": view.filters,
    }  # fmt: skip
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"), undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, autoescape=lambda name: bool(name and name.endswith(".html")),
    )  # fmt: skip
    html, text = (templates.get_template(f"digest.{form}").render(**context) for form in ("html", "txt"))
    return Digest(title, html, text, span)


def as_mail(digest: Digest, sender: str, receivers: tuple[str, ...]) -> EmailMessage:
    """The mail, in text with HTML beside it."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = digest.subject, sender, ", ".join(receivers)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail.set_content(digest.text)
    mail.add_alternative(digest.html, subtype="html")
    return mail


def send(digest: Digest, mailbox: Mailbox) -> None:
    """Send the mail, over TLS wherever the server offers it; a password never goes without. Raises MailError."""
    parts = urlsplit(mailbox.url)
    host = parts.hostname or ""
    secure = parts.scheme == "smtps"
    port = parts.port or (465 if secure else 587)
    context = ssl.create_default_context()
    try:
        with (
            smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
            if secure
            else smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
        ) as server:
            server.ehlo()
            if not secure and server.has_extn("starttls"):
                server.starttls(context=context)
                secure = True
            if parts.username:
                if not secure:
                    raise MailError(f"{host} offers no encryption: the password is not sent to it")
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(as_mail(digest, mailbox.sender, mailbox.receivers))
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(f"the mail server {host}:{port} does not take the digest: {error}") from None

"""Section 3 of the indicators: conversations and dialogues.

Here: cards, donuts and bars. Not here: Chat-List-1 and the lines, which are these by member or by day.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from brute.facts import Conversation, Message
from brute.figures import BINS, LENGTH_BINS, Answers, average, count, donut, histogram, median, ratio, seconds
from brute.question import Question

PATIENCE = timedelta(hours=24)


class Dialogues:
    """The conversations of one question. Method names say which indicator's things they give."""

    def __init__(self, question: Question) -> None:
        self.ask = question
        self.all = list(question.facts.conversations.values())

    def _passes(self, one: Conversation, instant: datetime, fluctuating: bool = False, source: bool = True) -> bool:
        """Source, member and role filter of a conversation; the role is read at `instant`.

        Fixed indicators look at the member as known at the end of P, fluctuating ones as known at A.
        """
        member = one.member_known_before(self.ask.as_of if fluctuating else self.ask.known_end)
        passes = self.ask.passes_conversation if source else self.ask.passes_place
        return passes(one) and self.ask.passes_member(member, instant)

    def requested(self, fluctuating: bool = False) -> list[Conversation]:
        """Chat-Card-0; below Chat-Card-12 with the member as known at A."""
        return [
            one
            for one in self.all
            if self.ask.in_window(one.requested_at) and self._passes(one, one.requested_at, fluctuating)
        ]

    def started(self, source: bool = True) -> list[tuple[Conversation, datetime]]:
        """Chat-Card-1, with the start; `source` False leaves the source filter out."""
        return [
            (one, one.started_at)
            for one in self.all
            if one.started_at
            and self.ask.in_window(one.started_at)
            and self._passes(one, one.started_at, source=source)
        ]

    def established(self) -> list[tuple[Conversation, datetime]]:
        """Chat-Card-10, with the instant."""
        return [
            (one, one.established_at)
            for one in self.all
            if one.established_at and self.ask.in_window(one.established_at) and self._passes(one, one.established_at)
        ]

    def is_dialogue_by_the_end(self, one: Conversation) -> bool:
        return one.established_at is not None and one.established_at < self.ask.known_end

    def sides_in_period(self, one: Conversation) -> set[str]:
        """Who has written in P."""
        return {message.side for message in one.messages if self.ask.in_period(message.time)}

    def active(self) -> list[tuple[Conversation, Message, datetime]]:
        """Every message in W of the dialogues of Chat-Card-20; filters unapplied."""
        return [
            (one, message, message.time)
            for one in self.all
            if self.is_dialogue_by_the_end(one)
            for message in one.messages
            if message.time and self.ask.in_window(message.time)
        ]

    def active_with(self, side: str | None = None, content_type: str | None = None) -> dict[str, Message]:
        """Active dialogues with such a message in W, each with the first such message."""
        found: dict[str, Message] = {}
        for one, message, time in self.active():
            suits = side in (None, message.side) and (content_type is None or content_type in message.contents)
            if suits and self._passes(one, time):
                found.setdefault(one.conversation_id, message)
        return found

    def by_author(self) -> dict[str | None, set[str]]:
        """The dialogues of Chat-Card-21 by the author of the messages in W."""
        found: dict[str | None, set[str]] = defaultdict(set)
        for one, message, time in self.active():
            if (
                message.side == "member"
                and self.ask.passes_conversation(one)
                and self.ask.passes_member(message.author, time)
            ):
                found[message.author].add(one.conversation_id)
        return found

    def asked_and_answered(self) -> tuple[int, int]:
        """Chat-Card-8: conversations with a visitor's message in W, and those where a member's followed the first."""
        asked, answered = 0, 0
        for one in self.all:
            questions = [
                message.sent_at
                for message in one.messages
                if message.side == "visitor"
                and message.time
                and self.ask.in_window(message.time)
                and self._passes(one, message.time)
            ]
            if questions:
                asked += 1
                answered += any(
                    message.side == "member"
                    and message.sent_at > min(questions)
                    and message.time is not None
                    and message.time < self.ask.known_end
                    for message in one.messages
                )
        return asked, answered

    def email_provided(self) -> list[str]:
        """Chat-Card-38: of Chat-Card-37's, those whose visitor gave it after the first request in W."""
        return [
            conversation_id
            for conversation_id, request in self.active_with("member", "email_request").items()
            if any(
                message.side == "visitor"
                and "email_provided" in message.contents
                and message.sent_at > request.sent_at
                and self.ask.known(message.time)
                for message in self.ask.facts.conversations[conversation_id].messages
            )
        ]

    def blocked(self) -> list[Conversation]:
        """Chat-Card-50: by plain sent_at, so a conversation that still waits has a last message too."""
        found = []
        for one in self.all:
            sent = [message.sent_at for message in one.messages if self.ask.known(message.sent_at)]
            if one.is_blocked and self.ask.known(one.requested_at) and sent:
                last = max(sent)
                if self.ask.in_window(last) and self._passes(one, last, fluctuating=True):
                    found.append(one)
        return found

    def turns(self) -> tuple[int, int]:
        """Chat-Card-60: turns begun in W and at least 24 h before A, and those not answered within 24 h."""
        judged_at = self.ask.as_of or self.ask.known_until
        old_enough, unanswered = 0, 0
        for one in self.all:
            if not self.ask.known(one.requested_at):
                continue
            for begin, reply in turns_of([message for message in one.messages if self.ask.known(message.sent_at)]):
                if (
                    judged_at is not None
                    and self.ask.in_window(begin)
                    and judged_at - begin >= PATIENCE
                    and self._passes(one, begin, fluctuating=True)
                ):
                    old_enough += 1
                    unanswered += reply is None or reply - begin > PATIENCE
        return old_enough, unanswered


def turns_of(messages: list[Message]) -> list[tuple[datetime, datetime | None]]:
    """Beginning and reply of each turn; messages in the order of (sent_at, message_id). The marker opens none."""
    turns: list[tuple[datetime, datetime | None]] = []
    open_since: datetime | None = None
    for message in messages:
        if message.is_marker:
            continue
        if message.side == "visitor" and open_since is None:
            open_since = message.sent_at
        if message.side == "member" and open_since is not None:
            turns.append((open_since, message.sent_at))
            open_since = None
    return turns if open_since is None else [*turns, (open_since, None)]


def figures(question: Question) -> Answers:
    dialogues = Dialogues(question)
    requested, started, established = dialogues.requested(), dialogues.started(), dialogues.established()
    sides = [dialogues.sides_in_period(one) for one, _ in started]
    since_start = [at - one.started_at for one, at in established if one.started_at]
    since_request = [at - one.requested_at for one, at in established]
    lengths = [
        max(message.time for message in one.messages if message.time and question.in_period(message.time)) - start
        for one, start in started
        if dialogues.is_dialogue_by_the_end(one)
    ]
    of_requests = dialogues.requested(fluctuating=True)
    become = [one for one in of_requests if question.known(one.established_at)]
    asked, answered = dialogues.asked_and_answered()
    authors = dialogues.by_author()
    per_author = [len(wrote) for author, wrote in authors.items() if author is not None]
    old_enough, unanswered = dialogues.turns()
    any_source = dialogues.started(source=False)

    answers: Answers = {
        ("Chat-Card-0", None): count(requested),
        ("Chat-Card-1", None): count(started),
        ("Chat-Card-2", None): count([found for found in sides if found == set()]),
        ("Chat-Card-3", None): count([found for found in sides if found == {"visitor"}]),
        ("Chat-Card-4", None): count([found for found in sides if found == {"member"}]),
        ("Chat-Card-8", None): ratio(answered, asked),
        ("Chat-Card-10", None): count(established),
        ("Chat-Card-11", None): ratio(len(established), len(requested)),
        ("Chat-Card-12", None): ratio(len(become), len(of_requests)),
        ("Chat-Card-14", None): average([seconds(duration) for duration in since_start]),
        ("Chat-Card-15", None): median([seconds(duration) for duration in since_start]),
        ("Chat-Card-16", None): average([seconds(duration) for duration in since_request]),
        ("Chat-Card-17", None): median([seconds(duration) for duration in since_request]),
        ("Chat-Card-18", None): average([seconds(duration) for duration in lengths]),
        ("Chat-Card-19", None): median([seconds(duration) for duration in lengths]),
        ("Chat-Card-20", None): count(dialogues.active_with()),
        ("Chat-Card-21", None): count(set().union(*authors.values())),
        ("Chat-Card-22", None): average(per_author),
        ("Amb-Card-23", None): median(per_author),
        ("Chat-Card-30", None): count(dialogues.active_with(None, "product")),
        ("Chat-Card-31", None): count(dialogues.active_with("member", "photo")),
        ("Chat-Card-32", None): count(dialogues.active_with("member", "video")),
        ("Chat-Card-33", None): count(dialogues.active_with("visitor", "photo")),
        ("Chat-Card-34", None): count(dialogues.active_with("visitor", "video")),
        ("Chat-Card-35", None): count(dialogues.active_with("member", "connect_invite")),
        ("Chat-Card-37", None): count(dialogues.active_with("member", "email_request")),
        ("Chat-Card-38", None): count(dialogues.email_provided()),
        ("Chat-Card-50", None): count(dialogues.blocked()),
        ("Chat-Card-60", None): ratio(unanswered, old_enough),
    }
    answers |= donut("Chat-Donut-1", [one.source for one, _ in any_source])
    answers |= donut("Chat-Donut-2", [one.source for one, _ in any_source if dialogues.is_dialogue_by_the_end(one)])
    answers |= histogram("Chat-Bar-11", BINS, since_start)
    answers |= histogram("Chat-Bar-12", BINS, since_request)
    answers |= histogram("Chat-Bar-50", LENGTH_BINS, lengths)
    return answers

"""Alerts: a failed run or check reaches people, in the log and by one webhook of their choice; and a sign of life after
each publication reaches whoever watches for it.

Here: the words of an alert, and sending it. Not here: when one is sent (cli/runs.py after `causerie run`, jobs.py for
the daemon's runs).

The webhook's address is a secret, whoever has it can write there: it is read from the environment, and stands in no
log, message or error. Nothing about a webhook ever fails a run.
"""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

import psycopg

from orchestration import warehouse
from orchestration.readers import targets
from orchestration.readers.ledger import FailedCheck, Generation, failed_checks, newest_generation
from orchestration.redaction import hide
from orchestration.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5
MOST_LINES = 20

# What to do about a check that failed, by its name; the others get the last one.
ADVICE = {
    "has_rows": "ask the source why the day is empty; replace its extract, then `causerie run`; or,"
    " if nothing is missing, `causerie run --accept DATASET DAY --because TEXT`",
    "is_not_all_empty": "see whether the export still finds its rows",
    "required_columns_are_filled": "ask the source for the missing values; replace the extract, then `causerie run`",
    "usual_columns_are_filled": "see what empties the column; replace the extract, then `causerie run`",
    "null_shares_are_usual": "see whether the export still fills the column everywhere",
    "words_are_known": "`causerie quarantine show` has the rows; map the word in the sources file, or have it mended",
    "words_are_usual": "see whether the export leaves a part of its rows out",
    "volume_is_not_low": "see whether the extract is complete; a replaced extract is taken up by itself",
    "volume_is_not_high": "see whether rows came twice or of other days; a replaced extract is taken up by itself",
    "rows_are_usual": "ask the source whether it means what it says; a replaced extract is taken up by itself",
    "currencies_are_the_brands": "`causerie quarantine show` has the rows; a brand has one currency for all its orders",
    "extracts_are_accepted": "mend the extract as the reason says; it is tried again by each `causerie run`",
    "is_fresh": "see whether the source has delivered the day; a late extract is taken up by itself",
    "all_is_read": "give the folder the name of a dataset and a day, or take it away; then `causerie run`",
    "brands_are_described": "land an extract of brands that describes the brand, or map its name in the sources file;"
    " then `causerie run`",
    "stability": "a definition or a fact moves after its period's end: nothing is published until that is mended",
    "publication": "`causerie history` tells the number's life: nothing is published until the cause is known",
    "identities": "two indicators contradict each other: nothing is published until the definition or fact is mended",
    "direction": "an indicator takes back what it had counted: nothing is published until its definition is mended",
    "rates": "a part is more than its whole: nothing is published until the definition or fact is mended",
    "plausible": "see the rows with `causerie rows`; a corrected extract is taken up by itself",
    "settled": "`causerie history` tells what moved the number, and which extracts brought it",
    "settling_time": "data come later than the catalogue says: raise settling_days in dbt_project/kpi_catalogue.yml",
    "jumps": "see the rows with `causerie rows`; `causerie history` tells which extracts brought them",
    "completeness": "rows of periods are missing or not expected: `causerie verify` compares with a rebuild",
    "double_entry": "the model or the query in expectations/double_entry.py is wrong: nothing is published until it is",
    "access": "take back the grant, policy or function; `causerie verify` says when it is gone",
}
OTHERWISE = "see the run's log for the first error; when its cause is gone, `causerie run` goes on from where it was"


def words(
    failures: Sequence[str],
    checks: Sequence[FailedCheck],
    standing: Generation | None,
    run_ids: Sequence[str],
    missed: Sequence[str] = (),
    became: str | None = None,
) -> str | None:
    """What an alert says: what, where, since when, what to do. None when there is nothing to tell.

    `failures` are what stopped the run, `checks` those that failed in it, `standing` what readers have now, `missed`
    the bounds of targets.yml that a period which is over has not kept, `became` what became of the run, where it is not
    for the rest to say.
    """
    # What a check found is told once, with its history.
    others = [line for line in failures if not any(check.observed in line for check in checks)]
    if not others and not checks and not missed:
        return None
    reads = f"generation {standing.number}, data through {_utc(standing.data_through)}" if standing else "nothing yet"
    is_published = standing is not None and standing.run_id in run_ids
    became = became or (
        ("published, with failures" if is_published else "nothing was published")
        if failures
        else "published with warnings"
        if checks
        else "published"
    )
    title = f"{became}; readers have {reads}"
    lines = [f"Failed: {line}. What to do: {OTHERWISE}." for line in others] + [_said(check) for check in checks]
    lines += [f"Target missed: {line}." for line in missed]
    more = [f"and {len(lines) - MOST_LINES} more, in marts.data_quality"] if len(lines) > MOST_LINES else []
    where = f"Run {', '.join(run_ids)}." if run_ids else "Before a run began."
    return "\n".join([f"Causerie: {title}.", *lines[:MOST_LINES], *more, where])


def _said(check: FailedCheck) -> str:
    where = f"{check.table_name} of {check.brand_id}" if check.brand_id else check.table_name
    return (
        f"{'Failed' if check.is_error else 'Warning'}: {where}, {check.name}: {check.observed}"
        f" (expected {check.expected}), since {_utc(check.since)}. What to do: {ADVICE.get(check.name, OTHERWISE)}."
    )


def tell(settings: Settings, run_ids: Sequence[str], failures: Iterable[str], became: str | None = None) -> None:
    """Tell people of these runs, if anything failed in them or stopped them."""
    checks: list[FailedCheck] = []
    standing = None
    missed: list[str] = []
    try:
        with warehouse.connect(warehouse.url(settings)) as connection:
            checks = failed_checks(connection, run_ids)
            standing = newest_generation(connection)
            if standing and standing.run_id in run_ids:
                missed = _missed_targets(connection, settings)
    except (psycopg.Error, OSError, warehouse.WarehouseError):
        # Without a warehouse there is all the more to tell.
        pass
    text = words(list(failures), checks, standing, run_ids, missed, became)
    if text is None:
        return
    text = hide(text)
    log.warning(text)
    if settings.alert_webhook:
        post(settings.alert_webhook, text)


def _missed_targets(connection: psycopg.Connection[Any], settings: Settings) -> list[str]:
    """What is missed, a line each; where targets.yml can't be read, that is what is told."""
    try:
        return [str(missed) for missed in targets.missed(connection, targets.read_targets(settings.targets_file))]
    except targets.TargetsError as error:
        return [str(error)]


def post(webhook: str, text: str) -> bool:
    """Send `text` as Slack, Mattermost, Teams and their like take it. Says in the log when it did not arrive."""
    return _called("the alert was not delivered to the webhook at CAUSERIE_ALERT_WEBHOOK", webhook, {"text": text})


def ping(settings: Settings) -> None:
    """Call CAUSERIE_PING_URL: something has been published. Whoever watches that address (healthchecks.io, Uptime Kuma,
    Cronitor and their like) speaks up when the calls stay away, which a daemon that is dead can't do itself."""
    if settings.ping_url:
        _called("the publication was not told to CAUSERIE_PING_URL", settings.ping_url)


def _called(failure: str, address: str, message: Mapping[str, str] | None = None) -> bool:
    """Did the address take the call: a message as JSON, or none? What went wrong is logged, without the address."""
    try:
        if not address.lower().startswith(("https://", "http://")):
            raise ValueError("not an address of http or https")
        request = urllib.request.Request(address)
        if message is not None:
            request = urllib.request.Request(
                address, json.dumps(message).encode(), {"Content-Type": "application/json"}, method="POST"
            )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        why = f"it answered {error.code}"
    except (OSError, HTTPException, ValueError) as error:
        # Not the error's own words: they may quote the address.
        why = type(getattr(error, "reason", error)).__name__
    log.warning("%s: %s", failure, why)
    return False


def _utc(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if instant else "no complete day"

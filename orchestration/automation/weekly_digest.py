"""The week of each brand as a mail, asked for by Dagster every Monday.

Not here: what it says and how it is sent (dashboard/digest.py), runs of extracts (jobs.py).
"""

from collections.abc import Iterator
from typing import Any

from dagster import (
    DefaultScheduleStatus,
    OpExecutionContext,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    job,
    op,
    schedule,
)

from orchestration.settings import Settings

NAME = "weekly_digest"
# After the night's run of every zone's Sunday.
MONDAYS = "0 16 * * 1"


def digest_job(settings: Settings) -> Any:
    """Sends each brand's digest of the newest whole week, in the brand's language."""

    @op(name="send_digests", description="Ask for the week of every brand, and mail it.")
    def send_digests(context: OpExecutionContext) -> None:
        import psycopg

        from dashboard import digest
        from orchestration.marts.login import reader_url
        from orchestration.readers import brand as brands

        mailbox = digest.Mailbox.from_environment()
        if mailbox is None:
            context.log.info("no CAUSERIE_SMTP_URL: nobody to send a digest to")
            return
        with psycopg.connect(reader_url(settings), options="-c timezone=UTC") as connection:
            for brand in brands.about(connection, None, {}).brands:
                told = digest.of_week(connection, brand)
                digest.send(told, mailbox)
                context.log.info(f"{told.subject}: sent")

    @job(name=NAME, description="The week of each brand as a mail.")
    def weekly_digest() -> None:
        send_digests()

    return weekly_digest


def mondays(weekly: Any) -> ScheduleDefinition:
    """Every Monday, where a mail server is named."""

    @schedule(
        name=f"{NAME}_mondays",
        cron_schedule=MONDAYS,
        job=weekly,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
        description="Every Monday the week before, where CAUSERIE_SMTP_URL names a mail server.",
    )
    def every_monday(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        from dashboard.digest import Mailbox

        if Mailbox.from_environment() is None:
            yield SkipReason("no CAUSERIE_SMTP_URL: nobody to send a digest to")
            return
        yield RunRequest(run_key=context.scheduled_execution_time.date().isoformat())

    return every_monday

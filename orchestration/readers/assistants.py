"""What an assistant may ask of marts: a server of the Model Context Protocol, by a login that may only read.

Here: its tools. Not here: what they answer (report.py, indicator.py, published_history.py), whose rows a login sees
(marts/access.py). Needs the extra `mcp`; nothing else imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

import psycopg
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from psycopg.rows import dict_row
from pydantic import Field

from orchestration.catalogue import catalogue
from orchestration.catalogue.model import Indicator
from orchestration.readers import indicator
from orchestration.readers import report as reports
from orchestration.readers.formats import plain
from orchestration.readers.report import Question, ReportError

INSTRUCTIONS = """
Exact indicators of conversational commerce: what happens between a shop's visitors and its members. Find an indicator
by `indicators`, ask for it by `report` for the period and filters that are meant, show what was counted by `rows`.
Never add up values of days or members yourself unless `roll_up` is sum: ask for the period. A null value is unknown
(see `missing`) or nothing to average, and not 0. Ratios are shares of 1, durations seconds, amounts in the brand's
currency.
"""
LONGEST = 1_000

Language = Literal["en", "fr", "es"]
Brand = Annotated[str, Field(description="The brand, as `brands` lists it.")]
Ref = Annotated[str, Field(description="The indicator, such as Chat-Card-8, as `indicators` lists it.")]
Area = Annotated[str, Field(description=f"One of {', '.join(catalogue.load().areas)}; all where empty.")]
Day = Annotated[date, Field(description="A local date of the brand, included.")]
Tool = TypeVar("Tool", bound=Callable[..., Any])


def server(url: str) -> MCPServer[Any]:
    """A server whose every answer is one read-only transaction under the login of this URL."""
    made: MCPServer[Any] = MCPServer("causerie", instructions=INSTRUCTIONS.strip(), log_level="WARNING")
    known = catalogue.load()

    @contextmanager
    def reading() -> Iterator[psycopg.Connection[Any]]:
        try:
            with psycopg.connect(url, options="-c timezone=UTC -c default_transaction_read_only=on") as connection:
                yield connection
        except ReportError as error:
            raise ToolError(str(error)) from error
        except psycopg.Error as error:
            # Its message may hold an address or a name of the server's.
            raise ToolError(f"the database did not answer: {type(error).__name__}") from error

    def found(ref: str) -> Indicator:
        if ref not in known.indicators:
            raise ToolError(f"there is no indicator {ref!r}: `indicators` lists them")
        return known.indicators[ref]

    def tool(function: Tool) -> Tool:
        only_reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
        made.tool(annotations=only_reads, structured_output=True)(function)
        return function

    @tool
    def brands() -> list[dict[str, Any]]:
        """The brands that this login may read, with time zone, currency, and through when their data are complete."""
        query = """
            select b.brand_id as brand, b.name, b.timezone, b.currency, p.data_through
            from marts.dim_brand as b cross join (select max(data_through) as data_through from marts.publication) as p
            order by 1
        """
        with reading() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return [dict(plain(row)) for row in cursor.execute(query)]

    @tool
    def indicators(
        search: Annotated[str, Field(description="Words of its ref, name or meaning, in this language.")] = "",
        area: Area = "",
        language: Language = "en",
    ) -> list[dict[str, Any]]:
        """The indicators: ref, name, unit and meaning. With a search, those that have all of its words."""
        words = search.lower().split()
        return [
            {"ref": i.ref, "name": i.names[language], "unit": i.unit, "meaning": i.meaning[language]}
            for i in known.indicators.values()
            if (not area or i.area == area)
            and all(word in f"{i.ref} {i.names[language]} {i.meaning[language]}".lower() for word in words)
        ]

    @tool
    def explain(ref: Ref, brand: Brand, language: Language = "en") -> dict[str, Any]:
        """What a number means, how it adds up, what it takes account of, how it settles for this brand, what of it
        moved since it was published and why, and the SQL to ask for it."""
        i = found(ref)
        with reading() as connection:
            first, last = reports.last_days(connection)
            settles = indicator.settling(connection, brand, ref)
            moves = indicator.moves(connection, brand, ref)
        return {
            "ref": ref,
            "name": i.names[language],
            "meaning": i.meaning[language],
            "unit": i.unit,
            "stability": i.stability,
            "settling_days": i.settling_days,
            "filters": list(i.filters),
            "breakdowns": list(i.dimensions),
            "roll_up": known.roll_up(i),
            "presents": [shown.ref for shown in i.shows],
            "settles": [dict(plain(vars(one))) for one in settles],
            "moved": [dict(plain(vars(one))) for one in moves[:20]],
            "sql": reports.as_sql(Question(brand, first, last, refs=[ref])),
        }

    @tool
    def report(
        brand: Brand,
        first: Day,
        last: Day,
        refs: Annotated[list[str], Field(description="The indicators.", min_length=1)],
        breakdown: Annotated[
            tuple[str, ...], Field(description="None, or up to two: day, week, month, source, member ...")
        ] = (),
        sources: list[str] | None = None,
        channels: list[str] | None = None,
        roles: list[int] | None = None,
        members: list[str] | None = None,
        inboxes: list[str] | None = None,
        weekdays: Annotated[list[int] | None, Field(description="1 (Monday) to 7.")] = None,
        compare_previous: Annotated[bool, Field(description="Beside the period of equal length before.")] = False,
    ) -> dict[str, Any]:
        """The exact values of indicators for a period and filters, by bucket, each with its parts, whether it is final,
        what filters it ignored, and what it lacks."""
        for ref in refs:
            found(ref)
        question = Question(
            brand, first, last, sources=sources, channels=channels, roles=roles, members=members, inboxes=inboxes,
            weekdays=weekdays, breakdown=list(breakdown), compare_previous=compare_previous, refs=refs,
        )  # fmt: skip
        with reading() as connection:
            rows = reports.ask(connection, question)
        if len(rows) > LONGEST:
            raise ToolError(f"that is {len(rows):,} rows, and {LONGEST:,} are the most: ask for fewer days or buckets")
        return reports.as_json(question, rows)

    @tool
    def rows(
        ref: Ref,
        brand: Brand,
        first: Day,
        last: Day,
        members: list[str] | None = None,
        sources: list[str] | None = None,
        limit: Annotated[int, Field(ge=1, le=LONGEST)] = 100,
        offset: Annotated[int, Field(ge=0)] = 0,
    ) -> dict[str, Any]:
        """The rows behind one number, in the order of time: what was counted, with its conversation; and their sums,
        which give the number back."""
        found(ref)
        question = Question(brand, first, last, members=members, sources=sources)
        with reading() as connection:
            page = reports.open_page(connection, ref, question, None, offset, limit)
        return {
            "count": page.count,
            "numerator": plain(page.numerator),
            "denominator": plain(page.denominator),
            "rows": [dict(plain(row)) for row in page.rows],
        }

    return made

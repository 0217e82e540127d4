"""An assistant asks by a real client of the protocol, in memory and over the process that `causerie mcp` is, and sees
what its login may.

Not here: the numbers themselves (test_small_days.py).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from night import Night

from orchestration.marts import access

pytest.importorskip("mcp", reason="the extra mcp is not installed")
from mcp import Client, ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from orchestration.readers import assistants

pytestmark = pytest.mark.xdist_group("small_days")


@pytest.fixture(scope="module")
def paris(small_days: Night) -> Iterator[str]:
    """URL of the brand paris's own login."""
    with small_days.connect() as connection:
        access.ensure_roles(connection, ["paris"])
        role = access.brand_role(connection, "paris")
        connection.execute(f"alter role {role} password 'for the test'".encode())
        connection.commit()
        info = connection.info
        yield f"postgresql://{role}:for%20the%20test@{info.host}:{info.port}/{info.dbname}"


def _asked(url: str, tool: str, **arguments: Any) -> Any:
    async def ask() -> Any:
        async with Client(assistants.server(url)) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(ask())


def _answer(url: str, tool: str, **arguments: Any) -> Any:
    result = _asked(url, tool, **arguments)
    assert not result.is_error, result.content
    content = result.structured_content
    return content["result"] if set(content) == {"result"} else content


def test_the_tools_say_what_they_are_for(paris: str) -> None:
    async def listed() -> Any:
        async with Client(assistants.server(paris)) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(listed())}
    assert {*tools} == {"brands", "indicators", "explain", "report", "rows"}
    assert all(tool.description and tool.annotations.read_only_hint for tool in tools.values())


def test_a_number_is_found_asked_opened_and_explained(paris: str, small_days: Night) -> None:
    found = _answer(paris, "indicators", search="response rate")
    assert "Chat-Card-8" in {one["ref"] for one in found}
    asked = {"brand": "paris", "first": "2025-06-02", "last": "2025-06-08"}
    answered = _answer(paris, "report", **asked, refs=["Chat-Card-0", "Chat-Card-10"])
    with small_days.connect() as connection:
        known = dict(
            connection.execute(
                "select ref, value from marts.kpi_report('paris', '2025-06-02', '2025-06-08',"
                " p_refs => '{Chat-Card-0,Chat-Card-10}')"
            ).fetchall()
        )
    assert {row["ref"]: row["value"] for row in answered["indicators"]} == known
    opened = _answer(paris, "rows", ref="Chat-Card-0", **asked)
    assert opened["count"] == len(opened["rows"]) == opened["numerator"] == known["Chat-Card-0"] > 0
    explained = _answer(paris, "explain", ref="Chat-Card-0", brand="paris", language="fr")
    assert explained["name"] == "Nouvelles demandes" and "kpi_report" in explained["sql"]


def test_the_command_serves_one_brand_over_its_own_process(small_days: Night, tmp_path: Path) -> None:
    """As an assistant's program starts it: standard input and output, and nothing else on either."""
    command = StdioServerParameters(
        command=str(Path(sys.executable).with_name("causerie")), args=["mcp", "--brand", "weekend"],
        env=os.environ | {"CAUSERIE_HOME": str(tmp_path), "CAUSERIE_DATABASE_URL": small_days.url},
    )  # fmt: skip

    async def ask() -> Any:
        async with stdio_client(command) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            return await session.call_tool("brands", {})

    answer = asyncio.run(ask())
    assert not answer.is_error, answer.content
    assert [one["brand"] for one in answer.structured_content["result"]] == ["weekend"]


def test_a_brand_s_login_sees_its_own_brand_alone(paris: str) -> None:
    assert [one["brand"] for one in _answer(paris, "brands")] == ["paris"]
    asked = {"first": "2025-06-02", "last": "2025-06-08", "refs": ["Chat-Card-0"]}
    refused = _asked(paris, "report", brand="weekend", **asked)
    assert refused.is_error and "weekend" in refused.content[0].text


def test_what_can_t_be_answered_is_said_without_secrets(paris: str) -> None:
    assert "there is no indicator" in _asked(paris, "rows", ref="No-Card-1", brand="paris", first="2025-06-02",
                                             last="2025-06-03").content[0].text  # fmt: skip
    elsewhere = paris.replace("for%20the%20test", "wrong")
    if elsewhere != paris and not _trusts(elsewhere):
        failed = _asked(elsewhere, "brands")
        assert failed.is_error and "wrong" not in failed.content[0].text and "127.0.0.1" not in failed.content[0].text


def _trusts(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True

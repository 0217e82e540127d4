"""The law of publication: the published value of a fixed indicator of a period that is over changes only with a cause.

Here: judging the changes that a run is about to publish. Not here: the causes (dbt's int_kpi_restated decides them) or
their record (orchestration/marts/publication.py).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from expectations.findings import Finding, Law, judge_by_brand
from orchestration.sentences import Sentence

CHANGES = """
select
    r.brand_id as brand,
    r.ref as indicator,
    count(*)::int as changed,
    (count(*) filter (where r.cause is null))::int as unexplained,
    (array_agg(r.asked order by r.asked) filter (where r.cause is null))[1] as period,
    coalesce((array_agg(r.previous_value::text order by r.asked) filter (where r.cause is null))[1], 'nothing')
        as published,
    coalesce((array_agg(r.value::text order by r.asked) filter (where r.cause is null))[1], 'nothing') as now
from (
    select
        *,
        grain || ' ' || period_start || ' ' || dimension || ' ' || dimension_value
        || case when bin = '' then '' else ' ' || bin end as asked
    from build.int_kpi_restated
    where cause is distinct from 'first'
) as r
group by r.brand_id, r.ref
order by r.brand_id, r.ref
"""


def judge_changes(connection: psycopg.Connection[Any]) -> list[Finding]:
    """Every change of a published number that this run would bring, a finding for each brand with changes.

    One that fails names indicator, period, and the value before and after.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(CHANGES).fetchall()
    expected = Sentence("expect_causes")
    if not rows:
        return [Finding("publication", "kpi_period", True, True, Sentence("no_number_moves"), expected)]
    law = Law("ExpectChangesToHaveACause", True, expected, column="unexplained")
    names = ["brand", "indicator", "unexplained", "period", "published", "now"]
    return judge_by_brand(rows, "kpi_period", "publication", law, names)

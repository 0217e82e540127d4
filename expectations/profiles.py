"""The figures that an entrance suite judges: of each unpublished extract of a dataset, beside what was usual before it.

Here: the lines, each a rule, the thing judged in a sentence, its figure, and the bound that it must keep. Not here:
which side of the bound is right and how grave the other side is (feeds.py).

Days are UTC extract days; "before" means the days before the one judged, as they now stand.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from orchestration.sentences import as_json, from_json, recognised
from orchestration.sources.contract import DATASETS

LIMITS: dict[str, Any] = {
    # What is usual is told by the extracts of the last 28 days, at least 7.
    "past_days": 28,
    "past_extracts": 7,
    # The loader refuses an extract beyond this share of bad rows; what it let through may not have more nulls either.
    "null_share": 0.05,
    # How far the share of nulls of an optional column may rise above the usual one.
    "null_rise": 0.3,
    # A volume is compared with the same weekday of so many weeks before, at least so many of them having an extract,
    # and says nothing where fewer rows than this are usual.
    "past_weeks": 6,
    "least_weeks": 3,
    "least_rows": 10,
    # Of a first load of years only the newest days are compared with what was usual.
    "compared_days": 100,
    # The share of a brand's orders that may be in another currency than its own, and so in no figure.
    "foreign_share": 0.05,
    # So many rows before it tells something that all of them, or none, are alike; and before shares are compared.
    "enough": 20,
    "many": 100,
}

# The standing extracts that are judged or compared with, and their profiles. Tables of their own, with statistics: as
# parts of the question PostgreSQL takes them for a row each, and of years it then looks through all of them for each.
HISTORY = {
    "standing": """
        select e.extract_day, e.load_id
        from raw.extract as e
        where
            e.dataset = %(dataset)s
            and e.extract_day >= (
                select min(j.extract_day)
                from raw.extract as j
                where
                    j.dataset = %(dataset)s
                    and j.load_id > (select coalesce(max(l.load_id), 0) from marts.load_ledger as l)
            ) - greatest(%(past_days)s, 7 * %(past_weeks)s)
    """,
    "profile": """
        select s.extract_day, p.brand_id, p.column_name, p.row_count, p.null_count, p.value_counts, p.rejected
        from pg_temp.standing as s
        inner join raw.profile as p
            on p.load_id = s.load_id and p.dataset = %(dataset)s and p.extract_day = s.extract_day
    """,
}

FIGURES = """
with judged as (
    select s.extract_day
    from pg_temp.standing as s
    where s.load_id > (select coalesce(max(l.load_id), 0) from marts.load_ledger as l)
),

recent as (
    select j.extract_day from judged as j order by j.extract_day desc limit %(compared_days)s
),

-- Good rows alone: a batch of nothing but bad ones is empty.
size as materialized (
    select
        s.extract_day,
        coalesce(
            sum(
                p.row_count
                - coalesce((select sum(r.times::bigint) from jsonb_each_text(p.rejected) as r (rule, times)), 0)
            ),
            0
        ) as row_count
    from pg_temp.standing as s
    left join pg_temp.profile as p on p.extract_day = s.extract_day and p.column_name = ''
    group by s.extract_day
),

-- Of extracts without rows: what those before them had, of the brands that are not closed on that day.
quiet as (
    select j.extract_day from judged as j
    inner join size as s on s.extract_day = j.extract_day
    where s.row_count = 0
),

before_quiet as (
    select
        q.extract_day,
        s.extract_day as past_day,
        (q.extract_day - s.extract_day) %% 7 = 0 as is_same_weekday,
        coalesce(
            sum(
                p.row_count
                - coalesce((select sum(r.times::bigint) from jsonb_each_text(p.rejected) as r (rule, times)), 0)
            ),
            0
        ) as row_count
    from quiet as q
    inner join pg_temp.standing as s
        on
            s.extract_day < q.extract_day
            and s.extract_day >= q.extract_day - greatest(%(past_days)s, 7 * %(past_weeks)s)
    left join pg_temp.profile as p
        on
            p.extract_day = s.extract_day
            and p.column_name = ''
            and not exists (
                select 1 from raw.brands as c
                where c.brand_id = p.brand_id and c.working_hours -> 'closed' ? q.extract_day::text
            )
    group by q.extract_day, s.extract_day
),

-- Rows of that day that another extract has by now, since they were changed later: they have moved on.
moved as (
    {moved}
),

-- The least that an extract without rows should have had: the lower bound of its weekday's range (see volume below).
-- While there are too few weeks, a poor day of the last ones stands for the weekday, unless that was poorer already.
-- Zero where so few are usual that none is plausible.
usual as (
    select
        w.extract_day,
        floor(greatest(0, least(0.7 * w.middle - 2 * sqrt(w.middle), w.poorest)))::bigint as least,
        coalesce((select m.row_count from moved as m where m.extract_day = w.extract_day), 0) as moved
    from (
        select
            b.extract_day,
            case
                when count(*) filter (where b.is_same_weekday) >= %(least_weeks)s
                    then percentile_cont(0.5) within group (order by b.row_count) filter (where b.is_same_weekday)
                when count(*) filter (where b.past_day >= b.extract_day - %(past_days)s) >= %(past_extracts)s
                    then
                        percentile_cont(0.25) within group (order by b.row_count)
                        filter (where b.past_day >= b.extract_day - %(past_days)s)
                else 0
            end as middle,
            coalesce(
                (array_agg(b.row_count order by b.row_count) filter (where b.is_same_weekday))[
                    case when count(*) filter (where b.is_same_weekday) >= %(least_weeks)s then 2 else 1 end
                ],
                'infinity'::float8
            ) as poorest
        from before_quiet as b
        group by b.extract_day
    ) as w
),

-- Columns over all brands.
filling as materialized (
    select
        p.extract_day,
        p.column_name,
        p.column_name = any(%(required)s) as is_required,
        sum(p.row_count) as row_count,
        sum(p.null_count) as null_count,
        coalesce(sum((p.rejected ->> 'values')::bigint), 0) as unknown_words
    from pg_temp.profile as p
    where p.column_name <> ''
    group by p.extract_day, p.column_name
),

-- Optional columns beside the usual share of nulls: of all days before, or of the same weekdays where more is usual on
-- these (a shop that is closed on Sundays answers nobody then).
nulls as (
    select
        j.extract_day,
        n.column_name,
        n.row_count,
        n.null_count / nullif(n.row_count, 0) as null_share,
        case
            when count(*) filter (where past.row_count > 0) >= %(past_extracts)s
                then
                    greatest(
                        sum(past.null_count) / sum(past.row_count),
                        sum(past.null_count) filter (where (j.extract_day - past.extract_day) %% 7 = 0)
                        / nullif(
                            sum(past.row_count) filter (where (j.extract_day - past.extract_day) %% 7 = 0), 0
                        )
                    )
        end as usual_share
    from recent as j
    inner join filling as n on n.extract_day = j.extract_day and not n.is_required
    left join filling as past
        on
            past.column_name = n.column_name
            and past.extract_day < j.extract_day
            and past.extract_day >= j.extract_day - %(past_days)s
    group by j.extract_day, n.column_name, n.row_count, n.null_count
),

word as materialized (
    select p.extract_day, p.column_name, w.key as word, sum(w.value::bigint) as times
    from pg_temp.profile as p
    cross join lateral jsonb_each_text(p.value_counts) as w
    where p.value_counts is not null
    group by p.extract_day, p.column_name, w.key
),

-- How often each word of an enumeration should come, by its usual share, and how often it came.
worded as (
    select
        j.extract_day,
        n.column_name,
        w.word,
        coalesce(now.times, 0) as times,
        (n.row_count - n.null_count) * w.times / w.filled as usual_times
    from recent as j
    inner join filling as n
        on n.extract_day = j.extract_day and n.column_name in (select past.column_name from word as past)
    cross join lateral (
        select past.word, sum(past.times) as times, sum(sum(past.times)) over () as filled
        from word as past
        where
            past.column_name = n.column_name
            and past.extract_day < j.extract_day
            and past.extract_day >= j.extract_day - %(past_days)s
        group by past.word
    ) as w
    left join word as now
        on now.extract_day = j.extract_day and now.column_name = n.column_name and now.word = w.word
    where
        %(past_extracts)s <= (
            select count(*)
            from size as past
            where
                past.row_count > 0
                and past.extract_day < j.extract_day
                and past.extract_day >= j.extract_day - %(past_days)s
        )
),

-- A brand's rows of a day beside those of the same weekday before. The middle one says what is usual, so that one odd
-- week moves nothing. The range goes from three tenths below it to four fifths above, wider by what chance does to
-- small numbers, and holds all of these days but the least and the greatest. A brand that is closed may be silent.
volume as (
    select
        w.brand_id,
        w.extract_day,
        w.row_count,
        floor(case
            when w.is_closed then 0
            else greatest(0, least(0.7 * w.middle - 2 * sqrt(w.middle), w.past[2]))
        end) as least,
        ceil(greatest(1.8 * w.middle + 3 * sqrt(w.middle), w.past[cardinality(w.past) - 1])) as most
    from (
        select
            b.brand_id,
            j.extract_day,
            coalesce(now.row_count, 0) as row_count,
            percentile_cont(0.5) within group (order by coalesce(past.row_count, 0)) as middle,
            array_agg(coalesce(past.row_count, 0) order by coalesce(past.row_count, 0)) as past,
            exists (
                select 1 from raw.brands as c
                where c.brand_id = b.brand_id and c.working_hours -> 'closed' ? j.extract_day::text
            ) as is_closed
        from recent as j
        cross join generate_series(1, %(past_weeks)s) as back (weeks)
        inner join size as s on s.extract_day = j.extract_day - 7 * back.weeks
        cross join (select distinct p.brand_id from pg_temp.profile as p where p.brand_id <> '') as b
        left join pg_temp.profile as now
            on now.brand_id = b.brand_id and now.extract_day = j.extract_day and now.column_name = ''
        left join pg_temp.profile as past
            on past.brand_id = b.brand_id and past.extract_day = s.extract_day and past.column_name = ''
        group by b.brand_id, j.extract_day, now.row_count
    ) as w
    where cardinality(w.past) >= %(least_weeks)s and w.middle >= %(least_rows)s
)

select
    'has_rows' as rule,
    case when u.least > 0 then 'no_rows' else 'on_day' end as said,
    jsonb_build_object('day', j.extract_day, 'least', u.least) as "values",
    (s.row_count + coalesce(u.moved, 0))::double precision as figure,
    coalesce(u.least, 0)::double precision as bound
from judged as j
inner join size as s on s.extract_day = j.extract_day
left join usual as u on u.extract_day = j.extract_day
union all
select 'is_not_all_empty', 'every_extract_is_empty', '{{}}'::jsonb, max(s.row_count), 1
from judged as j
inner join size as s on s.extract_day = j.extract_day
having count(*) > 0
union all
select
    'required_columns_are_filled',
    'column_on_day',
    jsonb_build_object('day', n.extract_day, 'column', n.column_name),
    n.null_count / n.row_count,
    %(null_share)s
from judged as j
inner join filling as n on n.extract_day = j.extract_day
where n.is_required and n.row_count > 0
union all
select
    'usual_columns_are_filled',
    'column_empty',
    jsonb_build_object(
        'day', n.extract_day, 'column', n.column_name, 'rows', n.row_count, 'share', round(n.usual_share, 2)
    ),
    n.null_share,
    0.999999
from nulls as n
where n.row_count >= %(enough)s and n.usual_share < 0.5
union all
select
    'null_shares_are_usual',
    'column_emptier',
    jsonb_build_object(
        'day', n.extract_day, 'column', n.column_name, 'share', round(n.null_share, 2),
        'usual', round(n.usual_share, 2)
    ),
    n.null_share - n.usual_share,
    %(null_rise)s
from nulls as n
where n.row_count >= %(many)s and n.usual_share is not null
union all
select
    'words_are_known',
    'words_unknown',
    jsonb_build_object('day', n.extract_day, 'column', n.column_name, 'rows', n.unknown_words),
    n.unknown_words,
    0
from judged as j
inner join filling as n on n.extract_day = j.extract_day
union all
select
    'words_are_usual',
    'word_missing',
    jsonb_build_object(
        'day', w.extract_day, 'column', w.column_name, 'word', w.word, 'usual', round(w.usual_times)
    ),
    w.times,
    1
from worded as w
where w.usual_times >= %(enough)s
union all
select
    side.rule,
    'volume',
    jsonb_build_object(
        'brand', v.brand_id, 'day', v.extract_day, 'rows', v.row_count, 'least', v.least, 'most', v.most
    ),
    v.row_count,
    side.bound
from volume as v
cross join lateral (values ('volume_is_not_low', v.least), ('volume_is_not_high', v.most)) as side (rule, bound)
union all
select
    'rows_are_usual',
    'rows_odd',
    jsonb_build_object('day', l.extract_day, 'odd', w.odd, 'rows', w.times::bigint),
    w.times::double precision,
    0
from judged as j
inner join raw.extract as e on e.dataset = %(dataset)s and e.extract_day = j.extract_day
inner join raw.load as l on l.load_id = e.load_id
cross join lateral jsonb_each_text(l.warnings) as w (odd, times)
union all
select
    'currencies_are_the_brands',
    'currency_foreign',
    jsonb_build_object(
        'day', c.extract_day, 'brand', c.brand_id, 'foreign', c.foreign_rows, 'rows', c.row_count
    ),
    c.foreign_rows / c.row_count::double precision,
    %(foreign_share)s
from (
    select
        j.extract_day,
        p.brand_id,
        p.row_count,
        (
            select count(*) from raw.quarantine as q
            where
                q.dataset = %(dataset)s
                and q.extract_day = j.extract_day
                and q.brand_id = p.brand_id
                and q.rule = 'brand_currency'
        ) as foreign_rows
    from judged as j
    inner join pg_temp.profile as p on p.extract_day = j.extract_day and p.column_name = '' and p.row_count > 0
    where %(dataset)s = any(%(in_currencies)s)
) as c
union all
select
    'extracts_are_accepted',
    case when l.outcome = 'refused' then 'extract_refused' else 'on_day' end,
    jsonb_build_object(
        'day', l.extract_day, 'reason', coalesce(l.sentence, to_jsonb(left(l.reason, 300)))
    ),
    (l.outcome = 'refused')::int,
    0
from (
    select distinct on (r.extract_day) r.extract_day, r.outcome, r.reason, r.sentence
    from raw.load as r
    where
        r.dataset = %(dataset)s
        and r.load_id > (select coalesce(max(p.load_id), 0) from marts.load_ledger as p)
    order by r.extract_day, r.load_id desc
) as l
"""


MOVED = """
    select q.extract_day, count(*) as row_count
    from quiet as q
    inner join {table} as r
        on
            r.extract_day > q.extract_day
            and r.{happened} >= q.extract_day::timestamp at time zone 'UTC'
            and r.{happened} < (q.extract_day + 1)::timestamp at time zone 'UTC'
    group by q.extract_day
"""
NOTHING_MOVES = "select null::date as extract_day, null::bigint as row_count where false"


def figures(connection: psycopg.Connection[Any], dataset: str, required: list[str]) -> list[dict[str, Any]]:
    """One line a figure: rule, line (what is judged, as a sentence), its extract day (none where it is of no one),
    figure and bound (both may be null where nothing can be said)."""
    told = DATASETS[dataset]
    moved: sql.Composable = sql.SQL(NOTHING_MOVES)
    if told.kind == "entity" and told.event_time:
        moved = sql.SQL(MOVED).format(table=sql.Identifier("raw", dataset), happened=sql.Identifier(told.event_time))
    in_currencies = [one.name for one in DATASETS.values() if one.currency_column]
    values = {**LIMITS, "dataset": dataset, "required": required, "in_currencies": in_currencies}
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        for name, query in HISTORY.items():
            table = sql.Identifier(name)
            cursor.execute(sql.SQL("create temporary table {} as {}").format(table, sql.SQL(query)), values)
            cursor.execute(sql.SQL("analyze {}").format(table))
        rows = cursor.execute(sql.SQL(FIGURES).format(moved=moved), values).fetchall()
        cursor.execute("drop table pg_temp.standing, pg_temp.profile")
    for row in rows:
        said = row.pop("values")
        row["day"] = said.get("day")
        if "odd" in said:
            # A load keeps what was odd by its text.
            said["odd"] = as_json(recognised(said["odd"], "odd_")) or said["odd"]
        row["line"] = from_json({"key": row.pop("said"), "values": said})
    return sorted(rows, key=lambda row: (row["rule"], row["line"]))

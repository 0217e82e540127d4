-- What adds up of the touched days, from the report's own scans over the schema next, by as many of source, inbox and
-- member as each indicator has. Each day has a row of none of them, with a 0 for every number that is known: what is
-- unknown, because a feed had told nothing yet, has no number there. Indicators that are not stated anew of a day stand
-- as published.
{{ facts_of_the_reports() }}
-- depends_on: {{ ref('touched_period') }}
with

combination as (
    select
        s.has_source,
        i.has_inbox,
        m.has_member,
        concat_ws(
            ',',
            case when s.has_source then 'source' end,
            case when i.has_inbox then 'inbox' end,
            case when m.has_member then 'member' end
        ) as dimensions
    from (values (true), (false)) as s (has_source)
    cross join (values (true), (false)) as i (has_inbox)
    cross join (values (true), (false)) as m (has_member)
),

counted as (
    select
        a.brand_id,
        a.period_start as local_date,
        case when b.has_source then a.bucket[1] else '(none)' end as source,
        case when b.has_inbox then a.bucket[1 + b.has_source::int] else '(none)' end as inbox,
        case when b.has_member then a.bucket[1 + b.has_source::int + b.has_inbox::int] else '(none)' end as member_id,
        a.ref,
        a.bin,
        a.numerator,
        a.denominator
    from combination as b
    cross join (select distinct extent from {{ ref('touched_indicator') }}) as e
    cross join lateral next.kpi_answers(b.dimensions, 'day', e.extent) as a
    union all
    select
        k.brand_id,
        k.period_start as local_date,
        '(none)' as source,
        '(none)' as inbox,
        '(none)' as member_id,
        k.ref,
        k.bin,
        k.numerator * 0 as numerator,
        k.denominator * 0 as denominator
    from {{ ref('int_kpi_totalled') }} as k
    inner join next.kpi_line as l on l.ref = k.ref and coalesce(l.bin, '') = k.bin and l.is_additive
    where k.grain = 'day'
),

-- A ratio is two numbers.
part as (
    select
        c.brand_id,
        c.local_date,
        c.source,
        c.inbox,
        c.member_id,
        case l.kind when 'ratio' then c.ref || ' numerator' else concat_ws(' ', c.ref, l.bin) end as measure,
        c.numerator as number
    from counted as c
    inner join next.kpi_line as l on l.ref = c.ref and coalesce(l.bin, '') = c.bin
    union all
    select
        c.brand_id,
        c.local_date,
        c.source,
        c.inbox,
        c.member_id,
        c.ref || ' denominator' as measure,
        c.denominator as number
    from counted as c
    inner join next.kpi_line as l on l.ref = c.ref and coalesce(l.bin, '') = c.bin
    where l.kind = 'ratio'
),

published as (
    select
        f.brand_id,
        f.local_date,
        f.source,
        f.inbox,
        f.member_id,
        m.key as measure,
        m.value::numeric as number
    from {{ ref('touched_period') }} as p
    inner join marts.fct_indicator_day as f on f.brand_id = p.brand_id and f.local_date = p.period_start
    cross join lateral jsonb_each_text(f.measures) as m
    where
        p.grain = 'day'
        and (p.extent, split_part(m.key, ' ', 1)) not in (
            select t.extent, t.ref from {{ ref('touched_indicator') }} as t
        )
),

measured as (
    select
        p.brand_id,
        p.local_date,
        p.source,
        p.inbox,
        p.member_id,
        p.measure,
        sum(p.number) as number
    from (select * from part union all select * from published) as p
    where p.number is not null
    group by p.brand_id, p.local_date, p.source, p.inbox, p.member_id, p.measure
)

select
    m.brand_id,
    m.local_date,
    m.source,
    m.inbox,
    m.member_id,
    -- 1.0 and 1 are one number: which of them is told must not hang on what else was ever counted.
    jsonb_object_agg(m.measure, trim_scale(m.number)) as measures
from measured as m
where m.number <> 0 or (m.source, m.inbox, m.member_id) = ('(none)', '(none)', '(none)')
group by m.brand_id, m.local_date, m.source, m.inbox, m.member_id

-- What readers will find new in the numbers of periods that are over: first values, and changes with their cause; rows
-- of kpi_published. A null cause breaks the law of publication, and holds the publication back.
--
-- The cause of a change, the first that applies:
--   definition      the indicator is computed in another way than when it was last published (where the new version of
--                   the contract took something of the period out, that is what is recorded: corrected data)
--   settings        the brand's zone (or the rules of its clock), attribution window, hours or currency changed; or did
--                   before, so that a period which had been over was not any more
--   settings        a feed that the number needs is declared connected from another day: what was unknown is 0, or the
--                   other way round
--   settings        an order that lies in the period has another visitor, by the brand's identities
--   corrected data  something that lies in the period was altered, replaced or taken back; of a fixed indicator,
--                   something of before the period's end
--   late data       the same, added after the data had been published as complete beyond it
--   settings        a role is told anew of a time before (in rows by role, or where teams have hours of their own;
--                   of a fixed indicator, anywhere if nothing else explains it)
--   fluctuating     the indicator may still move
-- A fixed indicator may also follow something late or corrected that lies elsewhere (a sale is credited to a dialogue
-- of another day): where nothing of the period itself explains it, whatever of the brand was restated before its end;
-- and what was restated of the period, if its own time is later.
with

period as (
    select
        p.brand_id,
        p.grain,
        p.period_start,
        p.next_period_start,
        coalesce(p.ends_at, 'infinity') as ends_at,
        coalesce(p.ends_at <= r.data_through, false) as is_over,
        p.is_gone or p.ends_at <= r.published_through as was_over
    from {{ ref('touched_period') }} as p
    cross join {{ source('build', 'run') }} as r
),

recorded as (
    select distinct
        k.brand_id,
        k.grain,
        k.period_start,
        k.ref
    from period as p
    inner join marts.kpi_published as k
        on k.brand_id = p.brand_id and k.grain = p.grain and k.period_start = p.period_start
    where k.dimension = 'all'
),

published as (
    select k.*
    from period as p
    inner join marts.kpi_period as k
        on k.brand_id = p.brand_id and k.grain = p.grain and k.period_start = p.period_start
),

compared as (
    select
        brand_id,
        grain,
        period_start,
        dimension,
        dimension_value,
        ref,
        bin,
        a.brand_id is not null as is_stated,
        (brand_id, grain, period_start, ref) in (
            select r.brand_id, r.grain, r.period_start, r.ref from recorded as r
        ) as is_recorded,
        a.value,
        k.value as previous_value
    from {{ ref('int_kpi_answered') }} as a
    full join published as k using (brand_id, grain, period_start, dimension, dimension_value, ref, bin)
),

changed as (
    select
        c.brand_id,
        c.grain,
        c.period_start,
        c.dimension,
        c.dimension_value,
        c.ref,
        c.bin,
        c.value,
        case when c.is_recorded then c.previous_value end as previous_value,
        not c.is_recorded as is_first,
        p.was_over
    from compared as c
    inner join period as p
        on p.brand_id = c.brand_id and p.grain = c.grain and p.period_start = c.period_start
    where
        case
            when c.is_recorded then c.value is distinct from c.previous_value
            else p.is_over and c.is_stated
        end
),

moved as (
    select distinct
        c.brand_id,
        c.grain,
        c.period_start
    from changed as c
    where not c.is_first
),

-- What was restated of things that lie in the period: of before its end, and at all.
restated_here as (
    select
        m.brand_id,
        m.grain,
        m.period_start,
        array_agg(distinct e.load_id) filter (where e.since < p.ends_at and not e.is_setting) as loads_before_end,
        coalesce(bool_or(e.is_correction) filter (where e.since < p.ends_at), false) as is_corrected_before_end,
        array_agg(distinct e.load_id) filter (where not e.is_setting) as loads,
        bool_or(e.is_correction) as is_corrected,
        array_agg(distinct e.load_id) filter (where e.is_setting) as link_loads,
        -- Taken out, or let in again, by a rule and not by anything that was sent.
        bool_or(e.is_correction and e.since = '-infinity') as is_judged_anew
    from moved as m
    inner join period as p
        on p.brand_id = m.brand_id and p.grain = m.grain and p.period_start = m.period_start
    inner join {{ ref('touched_date') }} as d
        on d.brand_id = m.brand_id and d.local_date >= p.period_start and d.local_date < p.next_period_start
    cross join lateral unnest(d.first_restatement_ids) as u (first_restatement_id)
    inner join {{ ref('restated_entity') }} as e
        on e.first_restatement_id = u.first_restatement_id and e.brand_id = m.brand_id
    group by m.brand_id, m.grain, m.period_start
),

restated as (
    select
        e.brand_id,
        e.load_id,
        e.entity = 'member' as is_member,
        e.is_setting,
        e.is_correction,
        min(e.since) as since
    from {{ ref('restated_entity') }} as e
    group by e.brand_id, e.load_id, e.entity = 'member', e.is_setting, e.is_correction
),

-- The same of the whole brand, members apart.
restated_anywhere as (
    select
        m.brand_id,
        m.grain,
        m.period_start,
        array_agg(distinct e.load_id) filter (where not e.is_member and not e.is_setting) as loads,
        coalesce(bool_or(e.is_correction) filter (where not e.is_member), false) as is_corrected,
        array_agg(distinct e.load_id) filter (where e.is_member) as member_loads,
        array_agg(distinct e.load_id) filter (where e.is_setting) as link_loads
    from moved as m
    inner join period as p
        on p.brand_id = m.brand_id and p.grain = m.grain and p.period_start = m.period_start
    inner join restated as e on e.brand_id = m.brand_id and e.since < p.ends_at
    group by m.brand_id, m.grain, m.period_start
),

loads_of_settings as (
    select
        t.brand_id,
        array_agg(distinct t.load_id) as loads
    from {{ source('raw', 'touched') }} as t
    inner join {{ source('raw', 'load') }} as l on l.load_id = t.load_id
    where t.entity = 'brand' and l.dataset = 'brands'
    group by t.brand_id
),

-- Brands whose settings are not those under which they were published, and the loads that brought the others.
resettled as (
    select
        b.brand_id,
        b.working_hours -> 'teams' is not null or n.working_hours -> 'teams' is not null as has_teams,
        n.brand_id is null
        or b.timezone <> n.timezone
        or coalesce(b.zone_rules <> n.zone_rules, false)
        or b.attribution_window_days <> n.attribution_window_days
        or b.currency <> n.currency
        or coalesce(b.working_hours, 'null') <> coalesce(n.working_hours, 'null') as has_changed,
        l.loads
    from marts.dim_brand as b
    left join {{ ref('int_brands_current') }} as n on n.brand_id = b.brand_id
    left join loads_of_settings as l on l.brand_id = b.brand_id
),

-- Brands of which a feed is declared connected from another day than published.
reconnected as (
    select brand_id
    from {{ ref('int_feeds_begun') }} as n
    full join marts.dim_feed as m using (brand_id, feed)
    group by brand_id
    having bool_or(n.connected_from is distinct from m.connected_from)
),

judged as (
    select
        c.*,
        case
            when c.is_first then 'first'
            when coalesce(i.is_redefined, true)
                then case when h.is_judged_anew then 'corrected data' else 'definition' end
            when s.has_changed or not c.was_over then 'settings'
            when
                f.brand_id is not null and num_nulls(c.value, c.previous_value) = 1
                and coalesce(c.value, c.previous_value) = 0
                then 'settings of feeds'
            when h.link_loads is not null then 'settings of links'
            when i.is_fixed and h.loads_before_end is not null
                then case when h.is_corrected_before_end then 'corrected data' else 'late data' end
            when not i.is_fixed and h.loads is not null
                then case when h.is_corrected then 'corrected data' else 'late data' end
            when (c.dimension = 'role' or s.has_teams) and w.member_loads is not null then 'settings of members'
            when not i.is_fixed then 'fluctuating'
            when w.loads is not null
                then case when w.is_corrected then 'corrected data elsewhere' else 'late data elsewhere' end
            when w.member_loads is not null then 'settings of members'
            when w.link_loads is not null then 'settings of links elsewhere'
            -- Of an entity whose own time is later, with a part that lies in the period: a call before its request.
            when h.loads is not null then case when h.is_corrected then 'corrected data' else 'late data' end
            when f.brand_id is not null then 'settings of feeds'
        end as cause,
        i.is_fixed,
        s.loads as brand_loads,
        h.loads_before_end,
        h.loads as loads_here,
        h.link_loads as links_here,
        w.link_loads as links_anywhere,
        w.member_loads,
        w.loads as loads_anywhere
    from changed as c
    left join {{ source('build', 'indicator') }} as i on i.ref = c.ref
    left join resettled as s on s.brand_id = c.brand_id
    left join reconnected as f on f.brand_id = c.brand_id
    left join restated_here as h
        on h.brand_id = c.brand_id and h.grain = c.grain and h.period_start = c.period_start
    left join restated_anywhere as w
        on w.brand_id = c.brand_id and w.grain = c.grain and w.period_start = c.period_start
)

select
    j.brand_id,
    j.grain,
    j.period_start,
    j.dimension,
    j.dimension_value,
    j.ref,
    j.bin,
    j.value,
    j.previous_value,
    split_part(split_part(j.cause, ' elsewhere', 1), ' of', 1) as cause,
    coalesce(
        case j.cause
            when 'settings' then j.brand_loads
            when 'settings of members' then j.member_loads
            when 'settings of links' then j.links_here
            when 'settings of links elsewhere' then j.links_anywhere
            when 'late data elsewhere' then j.loads_anywhere
            when 'corrected data elsewhere' then j.loads_anywhere
            when 'late data' then coalesce(case when j.is_fixed then j.loads_before_end end, j.loads_here)
            when 'corrected data' then coalesce(case when j.is_fixed then j.loads_before_end end, j.loads_here)
        end,
        '{}'
    ) as loads
from judged as j

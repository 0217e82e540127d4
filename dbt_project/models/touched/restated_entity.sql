{{ config(indexes=[{'columns': ['brand_id', 'entity', 'entity_id']}]) }}

-- Entities of which this run's loads say something that the last publication should have known, had it come in time: of
-- before the end of what was then complete. Settings of a brand are another matter: they are compared themselves. So
-- are its identities: orders that stand with another visitor than they were published with, and these visitors.
-- What is of an entity names its restatements by their first one: a year that comes at once restates a member daily.
with

touched as (
    select
        t.brand_id,
        t.entity,
        t.entity_id,
        t.load_id,
        t.since,
        t.is_correction
    from {{ source('raw', 'touched') }} as t
    cross join {{ source('build', 'run') }} as r
    where t.load_id <= r.newest_load_id
),

linked_anew as (
    select
        o.brand_id,
        o.order_id,
        o.visitor_id,
        f.visitor_id as published_visitor_id,
        t.load_id
    from {{ ref('int_orders_identified') }} as o
    inner join marts.fct_order as f on f.brand_id = o.brand_id and f.order_id = o.order_id
    inner join touched as t on t.brand_id = o.brand_id and t.entity = 'identity' and t.entity_id = o.linked_by
    where o.visitor_id is distinct from f.visitor_id
),

restated as (
    select
        t.*,
        false as is_setting
    from touched as t
    where t.entity not in ('brand', 'identity')
    union
    select
        l.brand_id,
        named.entity,
        named.entity_id,
        l.load_id,
        '-infinity' as since,
        false as is_correction,
        true as is_setting
    from linked_anew as l
    cross join
        lateral (
            values ('order', l.order_id), ('visitor', l.visitor_id), ('visitor', l.published_visitor_id)
        ) as named (entity, entity_id)
    where named.entity_id is not null
)

select
    row_number() over (order by s.brand_id, s.entity, s.entity_id, s.load_id, s.is_setting) as restatement_id,
    rank() over (order by s.brand_id, s.entity, s.entity_id) as first_restatement_id,
    s.brand_id,
    s.entity,
    s.entity_id,
    s.load_id,
    s.since,
    s.is_correction,
    s.is_setting
from restated as s
cross join {{ source('build', 'run') }} as r
where s.since < r.published_through

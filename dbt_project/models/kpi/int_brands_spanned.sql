-- The dates over which a brand has periods: from its first fact to the end of its newest extract, as far as the
-- complete extract days go. Nothing is stated of days that no extract has spoken of.
{%- set firsts = [
    ('fct_request', 'requested_at'), ('fct_call', 'requested_at'), ('fct_hook_event', 'occurred_at'),
    ('fct_order', 'ordered_at'), ('fct_member_activity', 'occurred_at'), ('fct_widget_event', 'occurred_at'),
    ('fct_journey_run', 'started_at'), ('fct_journey_notification', 'sent_at'), ('fct_session', 'started_at'),
    ('fct_exchange_day', 'first_sent_at'),
] %}
with

begun as (
    select
        f.brand_id,
        min(f.at) as first_at
    from (
        {%- for fact, instant in firsts %}
        select
            brand_id,
            min({{ instant }}) as at
        from {{ ref(fact) }}
        group by brand_id
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as f
    group by f.brand_id
),

ended as (
    select
        c.brand_id,
        (max(l.extract_day) + 1)::timestamp at time zone 'UTC' as last_extract_at
    from {{ source('raw', 'load_count') }} as c
    inner join {{ source('raw', 'load') }} as l on l.load_id = c.load_id
    where l.outcome <> 'refused'
    group by c.brand_id
),

spanned as (
    select
        b.brand_id,
        b.timezone,
        s.first_at,
        greatest(s.first_at, least(e.last_extract_at, r.data_through) - interval '1 microsecond') as last_at
    from {{ ref('int_brands_current') }} as b
    inner join begun as s on s.brand_id = b.brand_id
    left join ended as e on e.brand_id = b.brand_id
    cross join {{ source('build', 'run') }} as r
)

select
    s.brand_id,
    (s.first_at at time zone s.timezone)::date as first_date,
    (s.last_at at time zone s.timezone)::date as last_date
from spanned as s

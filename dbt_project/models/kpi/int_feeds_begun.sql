-- The first instant that each feed has told of a brand: a dataset, or one kind of event of it. Before it what needs the
-- feed is unknown, and not 0. What internal conversations hold tells nothing: it is in no fact. A dataset that is
-- declared connected tells from then on, with all of its kinds of events: no row means none.
{%- set feeds = [
    ('conversations', 'fct_conversation', 'requested_at'), ('messages', 'fct_message', 'sent_at'),
    ('calls', 'fct_call', 'requested_at'), ('ratings', 'fct_rating', 'requested_at'),
    ('conversation_events', 'fct_conversation_event', 'occurred_at'),
    ('member_activity', 'fct_member_activity', 'occurred_at'), ('orders', 'fct_order', 'ordered_at'),
    ('order_lines', 'fct_order_line', 'ordered_at'), ('refunds', 'fct_refund', 'refunded_at'),
    ('hook_events', 'fct_hook_event', 'occurred_at'), ('hook_events.display', 'fct_hook_event', 'occurred_at'),
    ('hook_events.trigger', 'fct_hook_event', 'occurred_at'), ('widget_events', 'fct_widget_event', 'occurred_at'),
    ('widget_events.impression', 'fct_widget_event', 'occurred_at'), ('site_events', 'fct_site_event', 'occurred_at'),
    ('site_events.personalisation_shown', 'fct_site_event', 'occurred_at'),
    ('site_events.recommendation_shown', 'fct_site_event', 'occurred_at'),
    ('experiences', 'dim_experience', 'started_at'), ('journeys', 'dim_journey', 'started_at'),
    ('journey_runs', 'fct_journey_run', 'started_at'), ('journey_notifications', 'fct_journey_notification', 'sent_at'),
] %}
with

told as (
    {%- for feed, fact, instant in feeds %}
    select
        f.brand_id,
        '{{ feed }}' as feed,
        min(f.{{ instant }}) as began_at
    from {{ ref(fact) }} as f
    where
        f.{{ instant }} is not null
        {{ "and f.event_type = '" ~ feed.split('.')[1] ~ "'" if '.' in feed }}
    group by f.brand_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

declared as (
    select
        b.brand_id,
        u.feed,
        c.connected_from,
        {{ day_begins("c.connected_from", "b.timezone") | indent(8) }} as connected_at
    from {{ source('build', 'connected') }} as c
    inner join {{ ref('int_brands_current') }} as b on b.brand_id = coalesce(c.brand_id, b.brand_id)
    inner join unnest(array[
        {%- for feed, _, _ in feeds %}
        '{{ feed }}'{{ ',' if not loop.last }}
        {%- endfor %}
    ]) as u (feed) on split_part(u.feed, '.', 1) = c.dataset
)

select
    brand_id,
    feed,
    least(t.began_at, d.connected_at) as began_at,
    d.connected_from
from told as t
full join declared as d using (brand_id, feed)

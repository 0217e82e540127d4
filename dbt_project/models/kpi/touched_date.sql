-- The local dates on which something touched lies: as it now is, and as it was published. A change of anything can move
-- the indicators of the periods around these dates, and of no others. Beside them what came late or corrected of the
-- things that lie there: it explains why published numbers move.
{%- set facts = [
    ('fct_conversation', 'int_conversations_lived', 'touched_conversation', ['conversation_id'],
     ['requested_at', 'cancelled_at', 'handled_at', 'established_at', 'two_way_at', 'first_call_answered_at',
      'last_sent_at']),
    ('fct_conversation_day', 'int_conversation_days_summed', 'touched_conversation', ['conversation_id'],
     ['first_message_at']),
    ('fct_turn', 'int_turns_answered', 'touched_conversation', ['conversation_id'], ['began_at', 'reply_at']),
    ('fct_rating', 'int_ratings_requested', 'touched_conversation', ['conversation_id'],
     ['requested_at', 'given_at']),
    ('fct_request', 'int_requests_made', 'touched_conversation', ['conversation_id'], ['requested_at']),
    ('fct_exchange_day', 'int_exchange_days_summed', 'touched_conversation', ['conversation_id'], ['first_sent_at']),
    ('fct_hook_event', 'int_hook_events_attributed', 'touched_hook', ['hook_id'], ['occurred_at']),
    ('fct_order', 'int_orders_credited', 'touched_order', ['order_id'],
     ['ordered_at', 'cancelled_at', 'credited_established_at']),
    ('fct_influence', 'int_orders_influenced', 'touched_order', ['order_id'], ['two_way_at']),
    ('fct_member_activity', 'int_member_activity_timed', 'touched_activity', ['member_id'], ['occurred_at']),
    ('fct_widget_visit', 'int_widget_visits_opened', 'touched_session', ['session_id'], ['opened_at']),
    ('fct_widget_event', 'int_widget_events_dated', 'touched_session', ['session_id'], ['occurred_at']),
    ('fct_journey_run', 'int_journey_runs_started', 'touched_run', ['run_id'],
     ['started_at', 'completed_at', 'cancelled_at']),
    ('fct_journey_notification', 'int_journey_notifications_sent', 'touched_run', ['run_id'], ['sent_at']),
    ('fct_site_event', 'int_site_events_cut', 'touched_site_session', ['session_id'], ['occurred_at']),
    ('fct_session', 'int_sessions_united', 'touched_visitor', ['visitor_id'], ['started_at', 'first_order_at']),
    ('fct_site_order', 'int_site_orders_placed', 'touched_visitor', ['visitor_id'], ['ordered_at']),
    ('fct_recommended_line', 'int_recommended_lines_bought', 'touched_visitor', ['visitor_id'], ['ordered_at']),
] %}
with

instant as (
    {%- for mart, rows, touched, keys, instants in facts %}
    {%- for instant in instants %}
    select distinct
        f.brand_id,
        date_trunc('minute', f.{{ instant }}) as at,
        e.restatement_id
    from {{ ref(rows) }} as f
    left join {{ ref('restated_entity') }} as e
        on
            e.brand_id = f.brand_id
            and e.entity = '{{ touched.split('_') | last }}'
            and e.entity_id = f.{{ keys[0] }}
    where f.{{ instant }} is not null
    union
    select distinct
        f.brand_id,
        date_trunc('minute', f.{{ instant }}) as at,
        e.restatement_id
    from marts.{{ mart }} as f
    inner join {{ ref(touched) }} as t
        on t.brand_id = f.brand_id{% for key in keys %} and t.{{ key }} = f.{{ key }}{% endfor %}

    left join {{ ref('restated_entity') }} as e
        on
            e.brand_id = f.brand_id
            and e.entity = '{{ touched.split('_') | last }}'
            and e.entity_id = f.{{ keys[0] }}
    where f.{{ instant }} is not null
    {{ 'union' if not loop.last }}
    {%- endfor %}
    {{ 'union' if not loop.last }}
    {%- endfor %}
)

select
    i.brand_id,
    {{ local_date('i.at') }} as local_date,
    array_agg(distinct i.restatement_id) filter (where i.restatement_id is not null) as restatement_ids
from instant as i
{{ join_local_day('i.brand_id', 'i.at') }}
group by i.brand_id, {{ local_date('i.at') }}

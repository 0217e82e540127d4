{#- What the reports over the schema next read: told to dbt, which sees none of it in their functions.
    Written from kpi_catalogue.yml by `python -m orchestration.catalogue.dbt_macros`: change the catalogue. -#}
{% macro facts_of_the_reports() %}
-- depends_on: {{ ref('dim_brand') }}
-- depends_on: {{ ref('dim_feed') }}
-- depends_on: {{ ref('dim_member') }}
-- depends_on: {{ ref('fct_author_day') }}
-- depends_on: {{ ref('fct_call') }}
-- depends_on: {{ ref('fct_conversation') }}
-- depends_on: {{ ref('fct_conversation_day') }}
-- depends_on: {{ ref('fct_conversation_event') }}
-- depends_on: {{ ref('fct_exchange_day') }}
-- depends_on: {{ ref('fct_hook_event') }}
-- depends_on: {{ ref('fct_influence') }}
-- depends_on: {{ ref('fct_journey_notification') }}
-- depends_on: {{ ref('fct_journey_run') }}
-- depends_on: {{ ref('fct_member_activity') }}
-- depends_on: {{ ref('fct_message') }}
-- depends_on: {{ ref('fct_order') }}
-- depends_on: {{ ref('fct_rating') }}
-- depends_on: {{ ref('fct_recommended_line') }}
-- depends_on: {{ ref('fct_refund') }}
-- depends_on: {{ ref('fct_request') }}
-- depends_on: {{ ref('fct_session') }}
-- depends_on: {{ ref('fct_session_member') }}
-- depends_on: {{ ref('fct_session_order') }}
-- depends_on: {{ ref('fct_site_event') }}
-- depends_on: {{ ref('fct_site_order') }}
-- depends_on: {{ ref('fct_turn') }}
-- depends_on: {{ ref('fct_widget_event') }}
-- depends_on: {{ ref('fct_widget_visit') }}
{% endmacro %}
{#- The touched entities with a changed row in any mart that holds them, where rows are read together.
    Written from kpi_catalogue.yml by `python -m orchestration.catalogue.dbt_macros`: change the catalogue. -#}
{% macro changed_entities() %}
{{ entities_changed('fct_conversation', 'int_conversations_lived', 'touched_conversation', 'conversation_id') }}
union
{{ entities_changed('fct_message', 'int_messages_counted', 'touched_conversation', 'conversation_id') }}
union
{{ entities_changed('fct_turn', 'int_turns_answered', 'touched_conversation', 'conversation_id') }}
union
{{ entities_changed('fct_conversation_day', 'int_conversation_days_summed', 'touched_conversation', 'conversation_id') }}
union
{{ entities_changed('fct_author_day', 'int_author_days_summed', 'touched_conversation', 'conversation_id') }}
union
{{ entities_changed('fct_exchange_day', 'int_exchange_days_summed', 'touched_conversation', 'conversation_id') }}
union
{{ entities_changed('fct_rating', 'int_ratings_requested', 'touched_conversation', 'conversation_id') }}
union
{{ entities_changed('fct_call', 'int_calls_placed', 'touched_conversation', 'conversation_id') }}
union
{{ entities_changed('fct_conversation_event', 'int_conversation_events_judged', 'touched_conversation', 'conversation_id') }}
union
{{ entities_changed('fct_request', 'int_requests_made', 'touched_conversation', 'conversation_id') }}
union
{{ entities_of_touched_members('fct_conversation', 'int_conversations_lived', 'touched_conversation', 'conversation_id') }}
{% endmacro %}
{#- When what has changed is counted, by any indicator: as it now is, and as it was published.
    Written from kpi_catalogue.yml by `python -m orchestration.catalogue.dbt_macros`: change the catalogue. -#}
{% macro changed_instants() %}
{{ instants_of_changed_entities('fct_author_day', 'int_author_days_summed', 'touched_conversation', 'conversation_id', ['first_message_at']) }}
union
{{ instants_of_changed_entities('fct_conversation', 'int_conversations_lived', 'touched_conversation', 'conversation_id', ['cancelled_at', 'established_at', 'first_call_answered_at', 'first_member_sent_at', 'handled_at', 'last_sent_at', 'requested_at', 'started_at', 'two_way_at']) }}
union
{{ instants_of_changed_entities('fct_conversation_day', 'int_conversation_days_summed', 'touched_conversation', 'conversation_id', ['first_message_at']) }}
union
{{ instants_of_changed_entities('fct_conversation_event', 'int_conversation_events_judged', 'touched_conversation', 'conversation_id', ['event_at']) }}
union
{{ instants_of_changed_entities('fct_exchange_day', 'int_exchange_days_summed', 'touched_conversation', 'conversation_id', ['first_sent_at']) }}
union
{{ instants_of_changed_rows('fct_hook_event', 'int_hook_events_attributed', 'touched_hook', 'hook_id', ['occurred_at']) }}
union
{{ instants_of_changed_rows('fct_influence', 'int_orders_influenced', 'touched_order', 'order_id', ['ordered_at', 'two_way_at']) }}
union
{{ instants_of_changed_rows('fct_journey_notification', 'int_journey_notifications_sent', 'touched_run', 'run_id', ['sent_at']) }}
union
{{ instants_of_changed_rows('fct_journey_run', 'int_journey_runs_started', 'touched_run', 'run_id', ['cancelled_at', 'completed_at', 'started_at']) }}
union
{{ instants_of_changed_rows('fct_member_activity', 'int_member_activity_timed', 'touched_activity', 'member_id', ['occurred_at']) }}
union
{{ instants_of_changed_rows('fct_order', 'int_orders_credited', 'touched_order', 'order_id', ['cancellation_at', 'credited_established_at', 'ordered_at']) }}
union
{{ instants_of_changed_entities('fct_rating', 'int_ratings_requested', 'touched_conversation', 'conversation_id', ['given_at', 'requested_at']) }}
union
{{ instants_of_changed_rows('fct_recommended_line', 'int_recommended_lines_bought', 'touched_visitor', 'visitor_id', ['ordered_at']) }}
union
{{ instants_of_changed_rows('fct_refund', 'int_refunds_made', 'touched_order', 'order_id', ['refund_at', 'refunded_at']) }}
union
{{ instants_of_changed_entities('fct_request', 'int_requests_made', 'touched_conversation', 'conversation_id', ['requested_at']) }}
union
{{ instants_of_changed_rows('fct_session', 'int_sessions_united', 'touched_visitor', 'visitor_id', ['first_order_at', 'started_at']) }}
union
{{ instants_of_changed_rows('fct_session_member', 'int_session_members_written', 'touched_visitor', 'visitor_id', ['started_at']) }}
union
{{ instants_of_changed_rows('fct_session_order', 'int_session_orders_placed', 'touched_visitor', 'visitor_id', ['started_at']) }}
union
{{ instants_of_changed_rows('fct_site_event', 'int_site_events_cut', 'touched_site_session', 'session_id', ['occurred_at']) }}
union
{{ instants_of_changed_rows('fct_site_order', 'int_site_orders_placed', 'touched_visitor', 'visitor_id', ['ordered_at']) }}
union
{{ instants_of_changed_entities('fct_turn', 'int_turns_answered', 'touched_conversation', 'conversation_id', ['reply_at']) }}
union
{{ instants_of_changed_rows('fct_widget_event', 'int_widget_events_dated', 'touched_session', 'session_id', ['occurred_at']) }}
union
{{ instants_of_changed_rows('fct_widget_visit', 'int_widget_visits_opened', 'touched_session', 'session_id', ['opened_at']) }}
{% endmacro %}
{#- A brand's first and last instant in each fact.
    Written from kpi_catalogue.yml by `python -m orchestration.catalogue.dbt_macros`: change the catalogue. -#}
{% macro lived_instants() %}
{{ first_and_last('fct_author_day', [], ['first_message_at']) }}
union all
{{ first_and_last('fct_call', ['requested_at'], ['requested_at']) }}
union all
{{ first_and_last('fct_conversation', ['requested_at'], ['cancelled_at', 'established_at', 'first_call_answered_at', 'first_member_sent_at', 'handled_at', 'last_sent_at', 'requested_at', 'started_at', 'two_way_at']) }}
union all
{{ first_and_last('fct_conversation_day', [], ['first_message_at']) }}
union all
{{ first_and_last('fct_conversation_event', [], ['event_at']) }}
union all
{{ first_and_last('fct_exchange_day', ['first_sent_at'], ['first_sent_at']) }}
union all
{{ first_and_last('fct_hook_event', ['occurred_at'], ['occurred_at']) }}
union all
{{ first_and_last('fct_influence', ['ordered_at'], ['ordered_at', 'two_way_at']) }}
union all
{{ first_and_last('fct_journey_notification', ['sent_at'], ['sent_at']) }}
union all
{{ first_and_last('fct_journey_run', ['started_at'], ['cancelled_at', 'completed_at', 'started_at']) }}
union all
{{ first_and_last('fct_member_activity', ['occurred_at'], ['occurred_at']) }}
union all
{{ first_and_last('fct_order', ['ordered_at'], ['cancellation_at', 'credited_established_at', 'ordered_at']) }}
union all
{{ first_and_last('fct_rating', ['requested_at'], ['given_at', 'requested_at']) }}
union all
{{ first_and_last('fct_recommended_line', ['ordered_at'], ['ordered_at']) }}
union all
{{ first_and_last('fct_refund', ['refunded_at'], ['refund_at', 'refunded_at']) }}
union all
{{ first_and_last('fct_request', ['requested_at'], ['requested_at']) }}
union all
{{ first_and_last('fct_session', ['started_at'], ['first_order_at', 'started_at']) }}
union all
{{ first_and_last('fct_session_member', ['started_at'], ['started_at']) }}
union all
{{ first_and_last('fct_session_order', [], ['started_at']) }}
union all
{{ first_and_last('fct_site_event', ['occurred_at'], ['occurred_at']) }}
union all
{{ first_and_last('fct_site_order', ['ordered_at'], ['ordered_at']) }}
union all
{{ first_and_last('fct_turn', [], ['reply_at']) }}
union all
{{ first_and_last('fct_widget_event', ['occurred_at'], ['occurred_at']) }}
union all
{{ first_and_last('fct_widget_visit', [], ['opened_at']) }}
{% endmacro %}

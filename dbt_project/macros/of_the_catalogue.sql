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
{#- The touched models of the entities whose rows each indicator reads.
    Written from kpi_catalogue.yml by `python -m orchestration.catalogue.dbt_macros`: change the catalogue. -#}
{% macro touched_models_read() %}
select 'touched_activity' as touched_model, unnest(array['Amb-Card-52']) as ref
union all
select 'touched_conversation' as touched_model, unnest(array['Ads-Card-1', 'Ads-Card-3', 'Agnt-Card-1', 'Agnt-Card-3', 'Agnt-Card-4', 'Amb-Card-23', 'Chat-Bar-10', 'Chat-Bar-11', 'Chat-Bar-12', 'Chat-Bar-50', 'Chat-Card-0', 'Chat-Card-1', 'Chat-Card-10', 'Chat-Card-11', 'Chat-Card-12', 'Chat-Card-14', 'Chat-Card-15', 'Chat-Card-16', 'Chat-Card-17', 'Chat-Card-18', 'Chat-Card-19', 'Chat-Card-2', 'Chat-Card-20', 'Chat-Card-21', 'Chat-Card-22', 'Chat-Card-3', 'Chat-Card-30', 'Chat-Card-31', 'Chat-Card-32', 'Chat-Card-33', 'Chat-Card-34', 'Chat-Card-35', 'Chat-Card-37', 'Chat-Card-38', 'Chat-Card-4', 'Chat-Card-50', 'Chat-Card-60', 'Chat-Card-70', 'Chat-Card-71', 'Chat-Card-72', 'Chat-Card-73', 'Chat-Card-8', 'Chat-Card-85', 'Chat-Card-86', 'Chat-Donut-1', 'Chat-Donut-2', 'Desk-Card-1', 'Desk-Card-2', 'Desk-Card-3', 'Desk-Card-4', 'Desk-Card-5', 'Desk-Card-6', 'Desk-Card-7', 'Desk-Card-8', 'Desk-Card-9', 'Engt-Card-1', 'Engt-Card-3', 'One-Card-1', 'One-Card-10', 'One-Card-2', 'One-Card-20', 'One-Card-21', 'One-Card-22', 'One-Card-23', 'One-Card-24', 'One-Card-3', 'One-Card-30', 'One-Card-31', 'One-Card-4', 'One-Card-40', 'One-Card-60', 'Wlst-Card-1', 'Wlst-Card-10', 'Wlst-Card-11', 'Wlst-Card-12', 'Wlst-Card-13', 'Wlst-Card-14', 'Wlst-Card-2', 'Wlst-Card-3']) as ref
union all
select 'touched_hook' as touched_model, unnest(array['Hook-Card-10', 'Hook-Card-2', 'Hook-Card-3', 'Hook-Card-4', 'Hook-Card-5']) as ref
union all
select 'touched_order' as touched_model, unnest(array['Chat-Bar-51', 'Chat-Card-80', 'Chat-Card-81', 'Chat-Card-82', 'Chat-Card-85', 'Chat-Card-86', 'Cust-Card-1', 'Cust-Card-1a', 'Cust-Card-3', 'Cust-Card-3a', 'One-Card-10', 'One-Card-11', 'One-Card-12', 'One-Card-13', 'One-Card-14', 'Sale-Card-10', 'Sale-Card-11', 'Sale-Card-12', 'Sale-Card-9', 'Shop-Card-1', 'Shop-Card-1a', 'Shop-Card-2', 'Shop-Card-2a', 'Shop-Card-3', 'Shop-Card-3a', 'Shop-Card-4', 'Shop-Card-5']) as ref
union all
select 'touched_run' as touched_model, unnest(array['Jour-Card-1', 'Jour-Card-2', 'Jour-Card-3', 'Jour-Card-4', 'Jour-Card-5']) as ref
union all
select 'touched_session' as touched_model, unnest(array['One-Card-50', 'One-Card-51', 'One-Card-52', 'Wget-Card-01', 'Wget-Card-02', 'Wget-Card-03', 'Wget-Card-04', 'Wget-Card-05', 'Wget-Card-06', 'Wget-Card-18', 'Wget-Card-19']) as ref
union all
select 'touched_site_session' as touched_model, unnest(array['Pers-Card-10', 'Pers-Card-11', 'Reco-Card-6']) as ref
union all
select 'touched_visitor' as touched_model, unnest(array['Ads-Card-2', 'Ads-Funnel-1', 'Ads-Funnel-2', 'Ads-Funnel-3', 'Ads-Funnel-4', 'Ads-Funnel-5', 'Ads-Funnel-6', 'Agnt-Card-2', 'Engt-Card-2', 'Engt-Funnel-1', 'Engt-Funnel-2', 'Engt-Funnel-3', 'Engt-Funnel-4', 'Engt-Funnel-5', 'Engt-Funnel-6', 'Pers-Card-1', 'Pers-Card-12', 'Pers-Card-13', 'Pers-Card-2', 'Reco-Card-1', 'Reco-Card-2', 'Reco-Card-3', 'Reco-Card-4', 'Reco-Card-5', 'Reco-Card-7', 'Reco-Card-8']) as ref
{% endmacro %}

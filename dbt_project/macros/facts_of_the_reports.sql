{#- What the reports over the schema next read: told to dbt, which sees none of it in their functions. -#}
{% macro facts_of_the_reports() %}
{%- for fact in [
    'dim_brand', 'dim_member', 'fct_conversation', 'fct_conversation_day', 'fct_author_day', 'fct_message', 'fct_turn',
    'fct_hook_event', 'fct_rating', 'fct_call', 'fct_request', 'fct_order', 'fct_influence', 'fct_member_activity',
    'fct_widget_event', 'fct_widget_visit', 'fct_journey_run', 'fct_journey_notification', 'fct_site_event',
    'fct_session', 'fct_site_order', 'fct_recommended_line', 'fct_exchange_day', 'fct_session_order',
    'fct_session_member',
] %}
-- depends_on: {{ ref(fact) }}
{%- endfor %}
{% endmacro %}

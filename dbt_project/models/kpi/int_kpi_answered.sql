-- The indicators of the touched periods, from the report's own scans over the schema next.
{%- for fact in ['dim_brand', 'fct_conversation', 'fct_conversation_day', 'fct_message', 'fct_turn', 'fct_hook_event',
    'fct_rating', 'fct_order', 'fct_member_activity', 'fct_widget_visit', 'dim_member', 'touched_period',
    'fct_journey_run', 'fct_journey_notification', 'fct_site_event', 'fct_session', 'fct_site_order',
    'fct_recommended_line'] %}
-- depends_on: {{ ref(fact) }}
{%- endfor %}
select
    a.brand_id,
    a.grain,
    a.period_start,
    d.dimension,
    a.dimension_value,
    a.ref,
    a.bin,
    a.value,
    a.numerator,
    a.denominator,
    a.is_final,
    null::numeric as settled_share
from (values ('all'), ('source'), ('channel'), ('role'), ('member')) as d (dimension)
cross join lateral next.kpi_answers(d.dimension) as a

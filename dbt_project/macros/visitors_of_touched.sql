{#- The visitors of the touched conversations or orders, as they now are and as they were published: one that changed
    visitor concerns both. An order may have its visitor by an identity. -#}
{% macro visitors_of_touched(entity) %}
select
    e.brand_id,
    e.visitor_id
from {{ source('raw', entity ~ 's') }} as e
inner join {{ ref('touched_' ~ entity) }} as t
    on t.brand_id = e.brand_id and t.{{ entity }}_id = e.{{ entity }}_id
where e.visitor_id is not null
union
select
    e.brand_id,
    e.visitor_id
from marts.fct_{{ entity }} as e
inner join {{ ref('touched_' ~ entity) }} as t
    on t.brand_id = e.brand_id and t.{{ entity }}_id = e.{{ entity }}_id
where e.visitor_id is not null
{%- if entity == 'order' %}
union
select
    e.brand_id,
    i.visitor_id
from {{ source('raw', 'orders') }} as e
inner join {{ ref('touched_order') }} as t on t.brand_id = e.brand_id and t.order_id = e.order_id
inner join {{ source('raw', 'identities') }} as i
    on i.brand_id = e.brand_id and i.external_id = e.identity_id and i.system = e.identity_system
where e.visitor_id is null
{%- endif %}
{%- endmacro %}

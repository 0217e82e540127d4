{#- The orders without a visitor of their own that some identity links to one of `visitors`, by any version of either. -#}
{% macro orders_linked_to(visitors) %}
select
    o.brand_id,
    o.order_id
from {{ source('raw', 'identities') }} as i
inner join {{ visitors }} as v on v.brand_id = i.brand_id and v.visitor_id = i.visitor_id
inner join {{ source('raw', 'orders') }} as o
    on o.brand_id = i.brand_id and o.identity_id = i.external_id and o.identity_system = i.system
where o.visitor_id is null
{%- endmacro %}

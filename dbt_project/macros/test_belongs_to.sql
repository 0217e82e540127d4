{#- A row returned belongs to nothing: what its column names is no key of the other mart, within its brand. Asked of what
    the run rebuilt, for the rest was asked when it was; a null names nothing. -#}
{% test belongs_to(model, column_name, to, field=none) %}
{%- set rebuilt = namespace(name=none) %}
{%- for node in (graph.nodes.values() if execute else []) if node.resource_type == 'model' and node.alias == model.identifier %}
{%- set rebuilt.name = node.refs[0].name %}
{%- endfor %}
select
    r.brand_id,
    r.{{ column_name }}
from {{ model.incorporate(path={'schema': 'build', 'identifier': rebuilt.name}) if rebuilt.name else model }} as r
where
    r.{{ column_name }} is not null
    and not exists (
        select 1 from {{ to }} as t where t.brand_id = r.brand_id and t.{{ field or column_name }} = r.{{ column_name }}
    )
{% endtest %}

{#- A row returned is a key of the mart that stands more than once, or a key with a null in it. The key is the one by which
    the mart is published (`meta.publication.key`). -#}
{% test unique_key(model) %}
{%- set key = namespace(columns=[]) %}
{%- for node in (graph.nodes.values() if execute else []) if node.resource_type == 'model' and node.alias == model.identifier %}
{%- set key.columns = node.config.meta.publication.key %}
{%- endfor %}
select {{ key.columns | join(', ') }}
from {{ model }}
group by {{ key.columns | join(', ') }}
having count(*) > 1{% for column in key.columns %} or bool_or({{ column }} is null){% endfor %}
{% endtest %}

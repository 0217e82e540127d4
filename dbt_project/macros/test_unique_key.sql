{#- A row returned is a key of the mart that stands more than once, or a key with a null in it. The key is the one by which
    the mart is published (`meta.publication.key`). Where what names the touched entities is part of the key, no rebuilt
    row can have the key of one that stands, and these were asked when they were rebuilt: only the rebuilt are read. -#}
{% test unique_key(model) %}
{%- set mart = namespace(key=[], rebuilt=none) %}
{%- for node in (graph.nodes.values() if execute else []) if node.resource_type == 'model' and node.alias == model.identifier %}
{%- set publication = node.config.meta.publication %}
{%- set mart.key = publication.key %}
{%- if publication.touched_by and publication.touched_by | reject('in', publication.key) | list | length == 0 %}
{%- set mart.rebuilt = node.refs[0].name %}
{%- endif %}
{%- endfor %}
select {{ mart.key | join(', ') }}
from {{ model.incorporate(path={'schema': 'build', 'identifier': mart.rebuilt}) if mart.rebuilt else model }}
group by {{ mart.key | join(', ') }}
having count(*) > 1{% for column in mart.key %} or bool_or({{ column }} is null){% endfor %}
{% endtest %}

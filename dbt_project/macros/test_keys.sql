{#- A row returned has a key of the mart that stands more than once or has a null in it, or it belongs to nothing: what a
    column of its names is no key of the other mart, within its brand; a null names nothing. The key is the one by which
    the mart is published (`meta.publication.key`).

    Asked of what the run rebuilt, for the rest was asked when it was. Only where what names the touched entities is no
    part of the key, a rebuilt row can have the key of one that stands, and all are read for that.

    One test a mart, for a test costs a run as much as a model does. -#}
{% test keys(model, belongs_to=[]) %}
{{- config(meta={'description': 'Each key stands once, without a null in it, and what a row names is there.'}) }}
{%- set mart = namespace(key=[], rebuilt=none, is_apart=false) %}
{%- for node in (graph.nodes.values() if execute else []) if node.resource_type == 'model' and node.alias == model.identifier %}
{%- set publication = node.config.meta.publication %}
{%- set mart.key = publication.key %}
{%- set mart.rebuilt = node.refs[0].name %}
{%- set mart.is_apart = publication.touched_by and publication.touched_by | reject('in', publication.key) | list | length == 0 %}
{%- endfor %}
{%- set rebuilt = model.incorporate(path={'schema': 'build', 'identifier': mart.rebuilt}) if mart.rebuilt else model %}
select
    'the key stands more than once, or has a null' as fault,
    jsonb_build_object({% for column in mart.key %}'{{ column }}', {{ column }}{{ ', ' if not loop.last }}{% endfor %}) as told
from {{ rebuilt if mart.is_apart else model }}
group by {{ mart.key | join(', ') }}
having count(*) > 1{% for column in mart.key %} or bool_or({{ column }} is null){% endfor %}
{%- for one in belongs_to %}
union all
select
    '{{ one.column }} is no {{ one.field or one.column }} of {{ one.to.identifier }}' as fault,
    jsonb_build_object('brand_id', r.brand_id, '{{ one.column }}', r.{{ one.column }}) as told
from {{ rebuilt }} as r
where
    r.{{ one.column }} is not null
    and not exists (
        select 1 from {{ one.to }} as t where t.brand_id = r.brand_id and t.{{ one.field or one.column }} = r.{{ one.column }}
    )
{%- endfor %}
{% endtest %}

{#- The rebuilt rows of a mart beside the published ones of the touched entities, as n and p; either may be none. -#}
{% macro rebuilt_and_published(mart, rows, touched, entity_id) -%}
{{ ref(rows) }} as n
    full join (
        select f.*
        from marts.{{ mart }} as f
        inner join {{ ref(touched) }} as t on t.brand_id = f.brand_id and t.{{ entity_id }} = f.{{ entity_id }}
    ) as p on {% for key in (graph.nodes['model.causerie.' ~ mart].config.meta.publication.key if execute else ['brand_id']) %}p.{{ key }} = n.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}

{#- True of two such rows that differ in any column of the mart's contract, or of which one is none. -#}
{% macro are_not_the_same(mart) -%}
{%- set columns = graph.nodes['model.causerie.' ~ mart].columns.keys() | list if execute else ['brand_id'] -%}
row({% for column in columns %}n.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
        is distinct from row({% for column in columns %}p.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{#- What came late or corrected of the entity that a row of `alias` is of: the first of it, which names the others. -#}
{% macro restatements_of(alias, entity, entity_id) -%}
left join {{ ref('restated_entity') }} as e
        on e.brand_id = {{ alias }}.brand_id and e.entity = '{{ entity }}' and e.entity_id = {{ alias }}.{{ entity_id }}
        and e.restatement_id = e.first_restatement_id
{%- endmacro %}

{#- The touched entities of which a row of this mart is another, a new one, or none any more. -#}
{% macro entities_changed(mart, rows, touched, entity_id) %}
    select
        e.brand_id,
        '{{ touched.split('_') | last }}' as entity,
        e.entity_id
    from {{ rebuilt_and_published(mart, rows, touched, entity_id) }}
    cross join lateral (values (n.brand_id, n.{{ entity_id }}), (p.brand_id, p.{{ entity_id }})) as e (brand_id, entity_id)
    where
        e.entity_id is not null
        and {{ are_not_the_same(mart) }}
{% endmacro %}

{#- The touched entities with a row of a member whose versions were touched: what counts it may ask for the role. -#}
{% macro entities_of_touched_members(mart, rows, touched, entity_id) %}
    select
        n.brand_id,
        '{{ touched.split('_') | last }}' as entity,
        n.{{ entity_id }} as entity_id
    from {{ ref(rows) }} as n
    inner join {{ ref('touched_member') }} as m on m.brand_id = n.brand_id and m.member_id = n.member_id
{% endmacro %}

{#- When the rows of a mart are counted, by its stored `instants`, as they now are and as they were published; with the
    touched model of their entities, and what came late or corrected of them. To the minute, which no day cuts.
    Of changed entities, all their rows: what counts one row may ask another. -#}
{% macro instants_of_changed_entities(mart, rows, touched, entity_id, instants) %}
{%- set entity = touched.split('_') | last %}
{%- for relation in [ref(rows), 'marts.' ~ mart] %}
    select distinct
        f.brand_id,
        date_trunc('minute', i.at) as at,
        '{{ touched }}' as touched_model,
        e.first_restatement_id
    from {{ relation }} as f
    inner join {{ ref('changed_entity') }} as c
        on c.brand_id = f.brand_id and c.entity = '{{ entity }}' and c.entity_id = f.{{ entity_id }}
    cross join lateral (values {% for instant in instants %}(f.{{ instant }}){{ ', ' if not loop.last }}{% endfor %}) as i (at)
    {{ restatements_of('f', entity, entity_id) }}
    where i.at is not null
    {{ 'union' if not loop.last }}
{%- endfor %}
{% endmacro %}

{#- The same of the changed rows alone, where each is counted by itself. -#}
{% macro instants_of_changed_rows(mart, rows, touched, entity_id, instants) %}
    select distinct
        i.brand_id,
        date_trunc('minute', i.at) as at,
        '{{ touched }}' as touched_model,
        e.first_restatement_id
    from {{ rebuilt_and_published(mart, rows, touched, entity_id) }}
    cross join
        lateral (
            values
            {%- for instant in instants %}
            (n.brand_id, n.{{ entity_id }}, n.{{ instant }}), (p.brand_id, p.{{ entity_id }}, p.{{ instant }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as i (brand_id, {{ entity_id }}, at)
    {{ restatements_of('i', touched.split('_') | last, entity_id) }}
    where
        i.at is not null
        and {{ are_not_the_same(mart) }}
{% endmacro %}

{#- The first and the last instant of a mart's rows, by brand. The first is told by `bounded` instants alone: one that no
    extract's day bounds, of a faulty clock, would open years of empty periods. -#}
{% macro first_and_last(mart, bounded, instants) %}
    select
        brand_id,
        {% if bounded %}least({% for instant in bounded %}min({{ instant }}){{ ', ' if not loop.last }}{% endfor %}){% else %}null::timestamptz{% endif %} as first_at,
        greatest({% for instant in instants %}max({{ instant }}){{ ', ' if not loop.last }}{% endfor %}) as last_at
    from {{ ref(mart) }}
    group by brand_id
{% endmacro %}

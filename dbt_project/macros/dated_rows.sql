{#- When the rows of a mart are counted, by its stored `instants`: those of the touched entities as they now are (`rows`)
    and as they were published, with what came late or corrected of each entity. To the minute, which no day cuts. -#}
{% macro instants_of_touched(mart, rows, touched, entity_id, instants) %}
{%- for published in [false, true] %}
    select distinct
        f.brand_id,
        date_trunc('minute', i.at) as at,
        e.restatement_id
    from {{ 'marts.' ~ mart if published else ref(rows) }} as f
    {%- if published %}
    inner join {{ ref(touched) }} as t on t.brand_id = f.brand_id and t.{{ entity_id }} = f.{{ entity_id }}
    {%- endif %}
    cross join lateral (values {% for instant in instants %}(f.{{ instant }}){{ ', ' if not loop.last }}{% endfor %}) as i (at)
    left join {{ ref('restated_entity') }} as e
        on
            e.brand_id = f.brand_id
            and e.entity = '{{ touched.split('_') | last }}'
            and e.entity_id = f.{{ entity_id }}
    where i.at is not null
    {{ 'union' if not published }}
{%- endfor %}
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

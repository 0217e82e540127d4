{#- The entities of one kind that this run's extracts brought, changed or took away. The loader writes the list; entries
    of loads that came after the run began are left for the next run. -#}
{% macro touched_rows(entity) %}
select distinct
    t.brand_id{% if entity != 'brand' %},
    t.entity_id as {{ entity }}_id
    {%- endif %}

from {{ source('raw', 'touched') }} as t
where
    t.entity = '{{ entity }}'
    and t.load_id <= (select r.newest_load_id from {{ source('build', 'run') }} as r)
{% endmacro %}

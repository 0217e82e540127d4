{#- What a mart would hold after this run: its published rows that the run did not touch, and the rebuilt ones.

    `rebuilt` holds the rows of the touched entities, with the columns of this model's contract; `touched` names the
    touched entities, by the columns of the contract's `touched_by`. Without `touched` the model is rebuilt whole. -#}
{% macro mart_rows(rebuilt, touched=none) %}
{%- set columns = model.columns.keys() | list -%}
{% if touched is not none %}
select {% for column in columns %}published.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
from marts.{{ this.identifier }} as published
where not exists (
    select 1
    from {{ touched }} as touched
    where {% for mine, theirs in (model.config.meta.publication.touched_by if execute else {}).items() %}touched.{{ theirs }} = published.{{ mine }}{{ ' and ' if not loop.last }}{% endfor %}
)
union all
{% endif %}
select {% for column in columns %}rebuilt.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
from {{ rebuilt }} as rebuilt
{% endmacro %}

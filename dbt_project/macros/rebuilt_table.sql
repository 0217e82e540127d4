{#- A table of what a run touched, made in one statement with its hook, indexes and statistics. dbt's own table is made
    under another name and renamed for readers who ask meanwhile, in a dozen statements; here nobody reads before the
    publication, and a night makes seventy tables. -#}
{% materialization table, adapter='postgres' %}
{%- set existing = load_cached_relation(this) -%}
{%- set built = this.incorporate(type='table') -%}
{% call statement('main') -%}
{{ hooks_of(pre_hooks) }}
{% if existing is not none -%} drop {{ existing.type }} if exists {{ existing }} cascade; {%- endif %}
{{ get_create_table_as_sql(False, built, sql) }}
{% for index in config.get('indexes', []) -%}
create index on {{ built }} ({{ index.columns | join(', ') }});
{% endfor -%}
{{ hooks_of(post_hooks) }}
{%- endcall %}
{{ adapter.commit() }}
{{ return({'relations': [built]}) }}
{% endmaterialization %}


{#- A view, in one statement for the same reason. -#}
{% materialization view, adapter='postgres' %}
{%- set existing = load_cached_relation(this) -%}
{%- set built = this.incorporate(type='view') -%}
{% call statement('main') -%}
{{ hooks_of(pre_hooks) }}
{% if existing is not none -%} drop {{ existing.type }} if exists {{ existing }} cascade; {%- endif %}
{{ get_create_view_as_sql(built, sql) }}
{%- endcall %}
{{ adapter.commit() }}
{{ return({'relations': [built]}) }}
{% endmaterialization %}


{#- The hooks as statements: each is told as its SQL, whether it came as text or as a dictionary. -#}
{% macro hooks_of(hooks) %}
{%- for hook in hooks %}{{ render(hook.sql) }};
{% endfor %}
{%- endmacro %}

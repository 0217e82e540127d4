{#- A table of what a run touched, made in one statement with its hook, indexes and statistics. dbt's own table is made
    under another name and renamed for readers who ask meanwhile, in a dozen statements; here nobody reads before the
    publication, and a night makes seventy tables. A table that stands is filled anew, so that the views over it stand
    too; with --full-refresh it is made anew, and takes its views with it: always so on Citus (marts/relations.py). -#}
{% materialization table, adapter='postgres' %}
{%- set existing = load_cached_relation(this) -%}
{%- set built = this.incorporate(type='table') -%}
{%- set is_filled = existing is not none and existing.type == 'table' and not should_full_refresh() -%}
{%- set is_shared = config.get('meta', {}).get('everywhere', false) and has_workers() -%}
{% call statement('main', auto_begin=false) -%}
{{ hooks_of(pre_hooks) }}
{% if is_filled -%}
truncate {{ built }};
{% if config.get('indexes') %}{{ without_indexes(built) }}{% endif %}
insert into {{ built }} {{ sql }};
{%- else -%}
{% if existing is not none -%} drop {{ existing.type }} if exists {{ existing }} cascade; {%- endif %}
{% if is_shared -%}
create table {{ built }} as {{ sql }} with no data;
select raw.distribute('{{ built }}', true);
insert into {{ built }} {{ sql }};
{%- else -%}
{{ get_create_table_as_sql(False, built, sql) }}
{%- endif %}
{%- endif %}
{% if not is_shared %}{{ finish(built, config.get('indexes', []), post_hooks) | join('\n') }}{% endif %}
{%- endcall %}
{%- if is_shared -%}
{#- Each by itself: Citus hands the text of such a statement on to the nodes, and lets no transaction analyse what it
    wrote in another way. -#}
{% for one in finish(built, config.get('indexes', []), post_hooks) %}
{% call statement('finish', auto_begin=false) %}{{ one }}{% endcall %}
{% endfor %}
{%- endif %}
{{ return({'relations': [built]}) }}
{% endmaterialization %}


{#- A view, in one statement for the same reason. -#}
{% materialization view, adapter='postgres' %}
{%- set existing = load_cached_relation(this) -%}
{%- set built = this.incorporate(type='view') -%}
{% call statement('main', auto_begin=false) -%}
{{ hooks_of(pre_hooks) }}
{% if existing is not none -%} drop {{ existing.type }} if exists {{ existing }} cascade; {%- endif %}
{{ get_create_view_as_sql(built, sql) }}
{%- endcall %}
{{ return({'relations': [built]}) }}
{% endmaterialization %}


{#- The hooks as statements: each is told as its SQL, whether it came as text or as a dictionary. -#}
{% macro hooks_of(hooks) %}
{%- for hook in hooks %}{{ render(hook.sql) }};
{% endfor %}
{%- endmacro %}


{#- Sorting rows into an index once is quicker than putting them in one after the other. -#}
{% macro without_indexes(built) %}
do $$
declare
    one regclass;
begin
    for one in select indexrelid from pg_index where indrelid = '{{ built }}'::regclass loop
        execute format('drop index %s', one);
    end loop;
end
$$;
{% endmacro %}


{#- What follows the rows of a table: its indexes and hooks, each a statement. -#}
{% macro finish(built, indexes, hooks) %}
{%- set statements = [] -%}
{% for index in indexes %}{% do statements.append('create index on ' ~ built ~ ' (' ~ index.columns | join(', ') ~ ');') %}{% endfor %}
{% for hook in hooks %}{% do statements.append(render(hook.sql) ~ ';') %}{% endfor %}
{{ return(statements) }}
{% endmacro %}


{#- Is this database a coordinator of Citus? Asked of the server: dbt would look it up by listing all of pg_catalog. -#}
{% macro has_workers() -%}
{%- set found = run_query("select to_regclass('pg_catalog.pg_dist_partition') is not null") -%}
{{ return(found.rows[0][0]) }}
{%- endmacro %}

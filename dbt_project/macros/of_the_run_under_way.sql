{#- Refuses to go on under another target than `build`: under `marts`, which only writes the documentation, the models of
    next are called by the names of the published tables, and would take their place. And when the session is another
    run's than the one that prepared last: when a run is killed, its dbt lives on, and must not build beside the next
    run's. Sessions that name no run (tests, a person's) pass. -#}
{% macro of_the_run_under_way() %}
{%- if execute and target.name != 'build' and flags.WHICH in ('build', 'run', 'run-operation', 'clone', 'retry') -%}
    {{ exceptions.raise_compiler_error("the target '" ~ target.name ~ "' builds nothing: say --target build") }}
{%- endif -%}
do $$
begin
    if starts_with(current_setting('application_name'), 'causerie run ') then
        if not exists (
            select 1 from build.run as r where 'causerie run ' || r.run_id = current_setting('application_name')
        ) then
            raise exception 'this run is over: another one has begun since';
        end if;
    end if;
end
$$
{% endmacro %}

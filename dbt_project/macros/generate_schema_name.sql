{#- Schemas are named as they are, without the target's prefix. Under the target `marts`, which only writes the
    documentation, what is audited in `next` is described where it is read. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if target.name == 'marts' and custom_schema_name == 'next' -%}
        marts
    {%- else -%}
        {{ custom_schema_name or target.schema }}
    {%- endif -%}
{%- endmacro %}

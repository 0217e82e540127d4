{#- An instant on its brand's clock, for rows that carry several instants, any of which may be missing.

    First `local_clock` of each, in a subquery that ends with offset 0 (local_day.sql tells why), then `join_day_of_clock`,
    and `on_local_clock` for its columns: local date, ISO weekday of its own clock date, and hour. -#}
{% macro local_clock(instant, timezone) -%}
{{ instant }} at time zone {{ timezone }}
{%- endmacro %}

{% macro join_day_of_clock(rows, name) %}
left join {{ ref('dim_date') }} as {{ name }}_day
    on {{ name }}_day.brand_id = {{ rows }}.brand_id and {{ name }}_day.local_date = {{ rows }}.{{ name }}_clock::date
{% endmacro %}

{% macro on_local_clock(rows, name) -%}
case
    when {{ rows }}.{{ name }}_at >= {{ name }}_day.ends_at then {{ name }}_day.local_date + 1
    else {{ name }}_day.local_date
end as {{ name }}_local_date,
extract(isodow from {{ rows }}.{{ name }}_clock)::integer as {{ name }}_local_weekday,
extract(hour from {{ rows }}.{{ name }}_clock)::integer as {{ name }}_local_hour
{%- endmacro %}

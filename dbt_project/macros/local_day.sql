{#- The local day of an instant: joins the brand's calendar as `day`, whose `{{ local_date('day', instant) }}` it is.

    An instant whose clock date has ended (a clock set back over midnight) belongs to the day that has begun; its weekday
    stays that of its own clock date. Brand and clock date are worked out before the join (offset 0 keeps them so), that
    days are looked up by both: else PostgreSQL joins the calendar with the brand first, and holds each of its instants
    against each of its days. -#}
{% macro join_local_day(brand, instant) %}
inner join {{ ref('int_brands_current') }} as brand on brand.brand_id = {{ brand }}
cross join lateral (
    select {{ brand }} as brand_id, ({{ instant }} at time zone brand.timezone)::date as local_date
    from (values (1)) as once (n)
    offset 0
) as clock
inner join {{ ref('dim_date') }} as day
    on day.brand_id = clock.brand_id and day.local_date = clock.local_date
{% endmacro %}

{% macro local_date(instant) -%}
case when {{ instant }} >= day.ends_at then day.local_date + 1 else day.local_date end
{%- endmacro %}

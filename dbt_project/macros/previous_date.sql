{#- The local date of the last row before this one of which `held` is true, the row's own date where that one stands before
    it on the same day; 0001-01-01 if there is none, so that it is earlier than any period; null where this row has none
    of it. In every period that begins after it, this row is the first. -#}
{% macro previous_date(held, window) -%}
    case
        when {{ held }}
            then coalesce(max(local_date) filter (where {{ held }}) over {{ window }}, date '0001-01-01')
    end
{%- endmacro %}

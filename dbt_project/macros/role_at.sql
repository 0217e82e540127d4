{#- Joins the version of a member that held at an instant, as `alias`: a promotion changes no past figure. -#}
{% macro join_role_at(alias, brand, member, instant) %}
left join {{ ref('int_members_versioned') }} as {{ alias }}
    on
        {{ alias }}.brand_id = {{ brand }}
        and {{ alias }}.member_id = {{ member }}
        and {{ alias }}.valid_from <= {{ instant }}
        and ({{ alias }}.valid_to is null or {{ instant }} < {{ alias }}.valid_to)
{% endmacro %}

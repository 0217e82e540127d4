{#- A row returned is a key that stands more than once, or a key with a null in it. -#}
{% test unique_key(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1{% for column in columns %} or bool_or({{ column }} is null){% endfor %}
{% endtest %}

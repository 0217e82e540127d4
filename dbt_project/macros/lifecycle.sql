{#- The rules of a conversation's life that the models and the live reading share, each as an expression.

    Plain Jinja without anything of dbt's, so that dbt_project/indicators/live.sql.j2 imports this file too. -#}

{#- When a conversation starts: a waiting-list request when it is handled (while it waits it has not), any other at its
    request. -#}
{% macro started_at(conversation) -%}
case when {{ conversation }}.source = 'waiting_list' then {{ conversation }}.handled_at else {{ conversation }}.requested_at end
{%- endmacro %}

{#- Whose message it is, null for no one's: bots, the system and automatic texts are not conversation. The marker of a
    phygital conversation is: the platform writes it in the visitor's place. -#}
{% macro written_by(message, conversation) -%}
case
    when 'phygital_marker' = any({{ message }}.content_types) and {{ message }}.is_automatic and {{ conversation }}.source = 'phygital'
        then 'visitor'
    when {{ message }}.sender_type in ('visitor', 'member') and not {{ message }}.is_automatic then {{ message }}.sender_type
end
{%- endmacro %}

{#- The marker of a phygital conversation among the messages that count: it says nothing, and opens no turn. -#}
{% macro is_marker(message) -%}
('phygital_marker' = any({{ message }}.content_types) and {{ message }}.is_automatic)
{%- endmacro %}

{#- From when a message counts: a question left in the waiting list at the moment of handling, none before the start. -#}
{% macro counted_at(message) -%}
case
    when {{ message }}.written_by is not null and {{ message }}.started_at is not null
        then greatest({{ message }}.sent_at, {{ message }}.started_at)
end
{%- endmacro %}

{#- A dialogue is established when the second of the two has written. -#}
{% macro established_at(life) -%}
case
    when {{ life }}.first_visitor_message_at is not null and {{ life }}.first_member_message_at is not null
        then greatest({{ life }}.first_visitor_message_at, {{ life }}.first_member_message_at)
end
{%- endmacro %}

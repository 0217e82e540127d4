{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The conversation-days: what a conversation held on one local day, apart for each role of its member, with the
-- lifecycle that the report asks for beside it. Whole-day reports read these rows instead of the messages, and count a
-- conversation on the first of its days in the period, which each row tells by the date before it: that is their speed.
-- The columns of fixed width come first, which is quicker to read.
{%- set contents = {
    'visitor': "m.written_by = 'visitor'",
    'product': "'product' = any(m.content_types)",
    'member_photo': "m.written_by = 'member' and 'photo' = any(m.content_types)",
    'member_video': "m.written_by = 'member' and 'video' = any(m.content_types)",
    'visitor_photo': "m.written_by = 'visitor' and 'photo' = any(m.content_types)",
    'visitor_video': "m.written_by = 'visitor' and 'video' = any(m.content_types)",
    'connect_invite': "m.written_by = 'member' and 'connect_invite' = any(m.content_types)",
    'email_request': "m.written_by = 'member' and 'email_request' = any(m.content_types)",
} %}
with

summed as (
    select
        m.brand_id,
        m.conversation_id,
        m.visitor_id,
        m.local_date,
        m.iso_weekday,
        m.member_role,
        m.source,
        m.inbox,
        m.conversation_channel,
        m.handled_basis,
        m.member_id,
        m.started_at,
        m.established_at,
        min(m.message_at) as first_message_at,
        max(m.message_at) as last_message_at,
        count(*)::integer as messages,
        {%- for name, held in contents.items() %}
        bool_or({{ held }}) as has_{{ name }},
        {%- endfor %}
        min(m.email_provided_at) as email_provided_at,
        min(m.answered_at) as answered_at
    from {{ ref('int_messages_dated') }} as m
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
)

select
    local_date,
    {{ previous_date('true', 'earlier') }} as previous_date,
    {%- for name in contents if name != 'email_request' %}
    {{ previous_date('has_' ~ name, 'earlier') }} as previous_{{ name }}_date,
    {%- endfor %}
    {{ previous_date('has_email_request', 'earlier_request') }} as previous_email_request_date,
    established_at,
    answered_at,
    email_provided_at,
    started_at,
    first_message_at,
    last_message_at,
    messages,
    iso_weekday,
    member_role,
    row_number() over (
        partition by brand_id, conversation_id, local_date order by member_role, iso_weekday
    )::integer as part,
    brand_id,
    conversation_id,
    source,
    inbox,
    conversation_channel,
    handled_basis,
    member_id,
    visitor_id
from summed
-- Of several rows of a day the first is the one whose messages were answered, or whose request was met, first: with it
-- stands the earliest answer of all.
window
    earlier as (
        partition by brand_id, conversation_id
        order by local_date, answered_at, first_message_at, member_role, iso_weekday
        rows between unbounded preceding and 1 preceding
    ),
    earlier_request as (
        partition by brand_id, conversation_id
        order by local_date, email_provided_at, first_message_at, member_role, iso_weekday
        rows between unbounded preceding and 1 preceding
    )

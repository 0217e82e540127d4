{{ config(indexes=[{'columns': ['brand_id', 'local_date']}]) }}

-- The author-days: what one member wrote in a conversation on one local day, apart for each role that the author held.
-- Whole-day reports read these rows instead of the messages. The columns of fixed width come first, which is quicker to
-- read.
with

summed as (
    select
        m.brand_id,
        m.conversation_id,
        m.visitor_id,
        m.local_date,
        m.iso_weekday,
        m.author_id,
        m.author_role,
        m.source,
        m.inbox,
        m.conversation_channel,
        m.handled_basis,
        m.started_at,
        m.established_at,
        min(m.message_at) as first_message_at,
        max(m.message_at) as last_message_at,
        count(*)::integer as messages
    from {{ ref('int_messages_dated') }} as m
    where m.written_by = 'member'
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
)

select
    local_date,
    {{ previous_date('true', 'earlier') }} as previous_date,
    {{ previous_date('true', 'earlier_of_author') }} as previous_author_date,
    established_at,
    started_at,
    first_message_at,
    last_message_at,
    messages,
    iso_weekday,
    author_role,
    row_number() over (
        partition by brand_id, conversation_id, local_date order by author_id, author_role, iso_weekday
    )::integer as part,
    brand_id,
    conversation_id,
    author_id,
    source,
    inbox,
    conversation_channel,
    handled_basis,
    visitor_id
from summed
window
    earlier as (
        partition by brand_id, conversation_id
        order by local_date, author_id, author_role, iso_weekday
        rows between unbounded preceding and 1 preceding
    ),
    earlier_of_author as (
        partition by brand_id, conversation_id, author_id
        order by local_date, author_role, iso_weekday
        rows between unbounded preceding and 1 preceding
    )

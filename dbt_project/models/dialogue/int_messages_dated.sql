{{ config(materialized='view', post_hook=[]) }}

-- The messages that count, each with the local day on which it does. A view, since the days of conversations and those
-- of authors are both summed from it.
select
    m.*,
    {{ local_date('m.message_at') }} as local_date,
    day.iso_weekday
from {{ ref('int_messages_counted') }} as m
{{ join_local_day('m.brand_id', 'm.message_at') }}
where m.message_at is not null

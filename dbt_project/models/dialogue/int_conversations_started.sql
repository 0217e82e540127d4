-- The touched conversations with visitors, and when each started: a waiting-list request starts when it is handled
-- (while it waits it has not), every other at its request. Internal conversations count nowhere and end here.
select
    c.*,
    case when c.source = 'waiting_list' then c.handled_at else c.requested_at end as started_at
from {{ ref('stg_chat__conversations') }} as c
inner join {{ ref('touched_conversation') }} as t on t.brand_id = c.brand_id and t.conversation_id = c.conversation_id
where c.kind = 'customer'

-- The touched conversations with visitors, and when each started. Internal conversations count nowhere and end here.
select
    c.*,
    {{ started_at('c') }} as started_at
from {{ ref('stg_chat__conversations') }} as c
inner join {{ ref('touched_conversation') }} as t on t.brand_id = c.brand_id and t.conversation_id = c.conversation_id
where c.kind = 'customer'

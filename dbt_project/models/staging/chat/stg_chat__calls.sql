select
    r.brand_id,
    r.call_id,
    r.conversation_id,
    r.initiated_by,
    r.requested_at,
    r.answered_at,
    r.ended_at,
    r.updated_at
{{ current_rows('calls', ['brand_id', 'call_id'], ['updated_at', 'extract_day', 'content_hash']) }}

select
    r.brand_id,
    r.rating_id,
    r.conversation_id,
    r.member_id,
    r.requested_at,
    r.given_at,
    r.score,
    r.comment,
    r.status,
    r.updated_at
{{ current_rows('ratings', ['brand_id', 'rating_id'], ['updated_at', 'extract_day', 'content_hash']) }}

select
    r.brand_id,
    r.message_id,
    r.conversation_id,
    r.sender_type,
    r.sender_id,
    r.sent_at,
    r.is_automatic,
    r.content_type
{{ current_rows('messages', ['brand_id', 'message_id']) }}

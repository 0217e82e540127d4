select
    r.brand_id,
    r.message_id,
    r.conversation_id,
    r.sender_type,
    r.sender_id,
    r.sent_at,
    r.is_automatic,
    split_part(r.content_type, '|', 1) as content_type,
    string_to_array(r.content_type, '|') as content_types
{{ current_rows('messages', ['brand_id', 'message_id']) }}

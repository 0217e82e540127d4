select
    r.brand_id,
    r.system,
    r.external_id,
    r.visitor_id,
    r.updated_at
{{ current_rows(
    'identities', ['brand_id', 'system', 'external_id'], ['updated_at', 'extract_day', 'content_hash']
) }}

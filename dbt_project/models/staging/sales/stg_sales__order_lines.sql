select
    r.brand_id,
    r.order_id,
    r.line_number,
    r.product_id,
    r.quantity,
    r.unit_amount,
    r.updated_at,
    r.product_name
{{ current_rows(
    'order_lines', ['brand_id', 'order_id', 'line_number'], ['updated_at', 'extract_day', 'content_hash']
) }}

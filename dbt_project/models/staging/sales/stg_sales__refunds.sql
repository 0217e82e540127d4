select
    r.brand_id,
    r.refund_id,
    r.order_id,
    r.refunded_at,
    r.amount,
    r.currency
{{ current_rows('refunds', ['brand_id', 'refund_id']) }}

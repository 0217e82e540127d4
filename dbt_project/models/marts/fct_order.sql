{{ carried_rows(ref('int_orders_credited'), touched=ref('touched_order'), keys=['brand_id', 'order_id']) }}

{{ carried_rows(ref('int_refunds_made'), touched=ref('touched_order'), keys=['brand_id', 'order_id']) }}

{{ mart_rows(ref('int_orders_credited'), touched=ref('touched_order')) }}

{{ mart_rows(ref('int_orders_influenced'), touched=ref('touched_order')) }}

{{ mart_rows(ref('int_session_orders_placed'), touched=ref('touched_visitor')) }}

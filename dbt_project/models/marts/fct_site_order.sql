{{ mart_rows(ref('int_site_orders_placed'), touched=ref('touched_visitor')) }}

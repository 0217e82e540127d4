{{ mart_rows(ref('int_orders_influenced_by_agents'), touched=ref('touched_order')) }}

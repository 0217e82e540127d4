{{ mart_rows(ref('int_refunds_made'), touched=ref('touched_order')) }}

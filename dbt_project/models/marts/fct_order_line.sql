{{ mart_rows(ref('int_order_lines_placed'), touched=ref('touched_order')) }}

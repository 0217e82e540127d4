{{ mart_rows(ref('int_recommended_lines_bought'), touched=ref('touched_visitor')) }}

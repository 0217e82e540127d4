{{ carried_rows(ref('int_recommended_lines_bought'), touched=ref('touched_visitor'), keys=['brand_id', 'visitor_id']) }}

{{ carried_rows(ref('int_sessions_united'), touched=ref('touched_visitor'), keys=['brand_id', 'visitor_id']) }}

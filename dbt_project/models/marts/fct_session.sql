{{ carried_rows(ref('int_site_sessions_lived'), touched=ref('touched_visitor'), keys=['brand_id', 'visitor_id']) }}

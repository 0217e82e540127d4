{{ carried_rows(ref('int_recommendations_shown'), touched=ref('touched_visitor'), keys=['brand_id', 'visitor_id']) }}

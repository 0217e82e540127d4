{{ carried_rows(ref('int_widget_events_dated'), touched=ref('touched_session'), keys=['brand_id', 'session_id']) }}

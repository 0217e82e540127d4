{{ mart_rows(ref('int_widget_events_dated'), touched=ref('touched_session')) }}

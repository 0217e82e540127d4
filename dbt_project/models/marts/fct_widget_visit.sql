{{ mart_rows(ref('int_widget_visits_opened'), touched=ref('touched_session')) }}

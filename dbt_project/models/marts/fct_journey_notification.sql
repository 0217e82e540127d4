{{ mart_rows(ref('int_journey_notifications_sent'), touched=ref('touched_run')) }}

{{ mart_rows(ref('int_site_events_cut'), touched=ref('touched_site_session')) }}

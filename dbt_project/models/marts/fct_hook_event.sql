{{ mart_rows(ref('int_hook_events_attributed'), touched=ref('touched_hook')) }}

{{ mart_rows(ref('int_journey_runs_started'), touched=ref('touched_run')) }}

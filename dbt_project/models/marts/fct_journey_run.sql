{{ carried_rows(ref('int_journey_runs_started'), touched=ref('touched_run'), keys=['brand_id', 'run_id']) }}

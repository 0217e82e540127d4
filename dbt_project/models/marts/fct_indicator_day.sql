{{ mart_rows(ref('int_indicator_days_counted'), touched=ref('touched_day')) }}

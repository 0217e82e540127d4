{{ mart_rows(ref('int_kpi_answered'), touched=ref('touched_period')) }}

{{ carried_rows(ref('int_kpi_answered'), touched=ref('touched_period'), keys=['brand_id', 'grain', 'period_start']) }}

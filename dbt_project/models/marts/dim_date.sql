{{ carried_rows(ref('int_dates_localised'), touched=ref('touched_brand'), keys=['brand_id']) }}

{{ mart_rows(ref('int_dates_localised'), touched=ref('touched_brand')) }}

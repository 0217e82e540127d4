{{ mart_rows(ref('int_exchange_days_summed'), touched=ref('touched_conversation')) }}

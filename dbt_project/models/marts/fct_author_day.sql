{{ mart_rows(ref('int_author_days_summed'), touched=ref('touched_conversation')) }}

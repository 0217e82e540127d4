{{ mart_rows(ref('int_ratings_requested'), touched=ref('touched_conversation')) }}

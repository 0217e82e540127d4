{{ mart_rows(ref('int_recommendations_shown'), touched=ref('touched_visitor')) }}

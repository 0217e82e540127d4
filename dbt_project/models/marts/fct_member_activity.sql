{{ mart_rows(ref('int_member_activity_timed'), touched=ref('touched_activity')) }}

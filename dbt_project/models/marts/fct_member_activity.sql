{{ carried_rows(ref('int_member_activity_timed'), touched=ref('touched_activity'), keys=['brand_id', 'member_id']) }}

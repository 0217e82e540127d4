-- Every version is kept: a past figure uses the role of its time.
select
    r.brand_id,
    r.member_id,
    r.first_name,
    r.last_name,
    r.role,
    r.team,
    r.updated_at
{{ current_rows('members', ['brand_id', 'member_id', 'updated_at']) }}

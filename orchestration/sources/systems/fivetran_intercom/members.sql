-- Intercom's admins are all who answer, robots of its own aside. It tells no roles.
select 'workspace' as workspace, a.id as member_id, split_part(a.name, ' ', 1) as first_name,
       nullif(regexp_replace(a.name, '^\S+\s*', ''), '') as last_name, 0 as role, a._fivetran_synced::timestamptz as updated_at
  from admin a

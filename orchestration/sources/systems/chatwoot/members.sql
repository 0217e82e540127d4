-- A user's place in an account. The role is Chatwoot's own: 0 an agent, 1 an administrator.
select au.account_id, u.id as member_id,
       split_part(coalesce(nullif(u.display_name, ''), u.name), ' ', 1) as first_name,
       nullif(regexp_replace(coalesce(nullif(u.display_name, ''), u.name), '^\S+\s*', ''), '') as last_name,
       coalesce(au.role, 0) as role, t.team,
       greatest(u.updated_at, au.updated_at, t.updated_at) at time zone 'UTC' as updated_at
  from account_users au
  join users u on u.id = au.user_id
  left join lateral (
       select (array_agg(t.name order by t.id))[1] as team, max(tm.updated_at) as updated_at
         from team_members tm join teams t on t.id = tm.team_id
        where tm.user_id = u.id and t.account_id = au.account_id) t on true

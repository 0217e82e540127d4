-- Agents and administrators answer for every brand of their Zendesk. The role is Zendesk's own: 0 an agent, 1 an
-- administrator.
select b.id as zendesk_brand_id, u.id as member_id, split_part(u.name, ' ', 1) as first_name,
       nullif(regexp_replace(u.name, '^\S+\s*', ''), '') as last_name, (u.role = 'admin')::int as role,
       u.updated_at::timestamptz as updated_at
  from "user" u
 cross join (select id from brand union select brand_id from ticket where brand_id is not null) b
 where u.role in ('agent', 'admin')

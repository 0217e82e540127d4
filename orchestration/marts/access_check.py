"""The check of the catalogue: nothing in it lets a brand see more than its rows, whatever was built or altered.

Not here: making roles, policies and grants (access.py).
"""

from __future__ import annotations

from typing import Any

import psycopg

from orchestration.marts.access import BRANDS, OWN_ROWS, READER, VIEWERS
from orchestration.sentences import Sentence


def offenders(connection: psycopg.Connection[Any]) -> list[Sentence]:
    """Everything in the catalogue that breaks a rule of who reads what or of keys, a sentence each; [] is good."""
    with connection.transaction():
        connection.execute("set local search_path = pg_catalog")  # so that policies are spelled with their schemas
        values = {"brands": BRANDS, "reader": READER, "viewers": VIEWERS, "own": OWN_ROWS}
        rows = connection.execute(_OFFENDERS, values).fetchall()
    return sorted(Sentence(said, who=who, what=what) for said, who, what in rows)


_OFFENDERS = """
with
ours as (
    -- What an extension brought (statistics views, Citus) is not ours to judge.
    select c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.reloptions,
        format('%%I.%%I', n.nspname, c.relname) as name
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    where
        n.nspname not like 'pg\\_%%' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and not exists (
            select 1 from pg_depend as d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
        )
),
routines as (
    select p.oid, n.nspname, p.oid::regprocedure::text as name, p.prosecdef, p.proconfig
    from pg_proc as p
    inner join pg_namespace as n on n.oid = p.pronamespace
    where
        n.nspname not like 'pg\\_%%' and n.nspname <> 'information_schema'
        and not exists (
            select 1 from pg_depend as d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
        )
),
brand_roles as (
    select oid, rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as is_mighty
    from pg_roles as r
    where
        rolname in (%(brands)s, %(viewers)s)
        or exists (select 1 from marts.access as a where a.role_name = r.rolname)
),
readable as (
    select r.rolname, o.*
    from brand_roles as r
    cross join ours as o
    where
        not r.is_mighty
        and has_schema_privilege(r.oid, o.nspname, 'usage')
        and has_any_column_privilege(r.oid, o.oid, 'select')
),
brand_tables as (
    select o.oid, o.name
    from ours as o
    inner join pg_attribute as a on a.attrelid = o.oid and a.attname = 'brand_id' and not a.attisdropped
    where o.nspname = 'marts' and o.relkind in ('r', 'p') and o.relname <> 'access'
)
select 'access_mighty' as said, rolname::text as who, null as what from brand_roles where is_mighty
union all
-- By itself it reads nothing; what it becomes reads one brand.
select 'access_without_brand', rolname, name from readable where rolname = %(viewers)s
union all
select 'access_may_become', v.rolname, g.rolname
from pg_roles as v
inner join pg_roles as g on g.oid <> v.oid and pg_has_role(v.oid, g.oid, 'set')
where v.rolname = %(viewers)s and g.rolname not like 'causerie\\_brand\\_%%'
union all
select 'access_outside', rolname, name from readable where nspname <> 'marts'
union all
select 'access_no_policy', rolname, name
from readable
where
    relkind in ('r', 'p')
    and not (relrowsecurity and exists (select 1 from pg_policy as p where p.polrelid = readable.oid))
union all
select 'access_no_policy_possible', rolname, name from readable where relkind in ('m', 'f')
union all
select 'access_writes', r.rolname, o.name
from brand_roles as r
cross join ours as o
where
    not r.is_mighty and o.relkind in ('r', 'p', 'v', 'f')
    and has_table_privilege(r.oid, o.oid, 'insert, update, delete, truncate, references, trigger')
union all
select 'access_other_policy', p.policyname, b.name
from brand_tables as b
inner join pg_policies as p on format('%%I.%%I', p.schemaname, p.tablename) = b.name
where
    p.permissive = 'PERMISSIVE'
    and not (p.roles = array[%(brands)s]::name[] and p.cmd = 'SELECT' and p.qual = %(own)s)
    and not (p.roles = array[%(reader)s]::name[] and p.cmd = 'SELECT')
union all
select 'access_owner_rights', name, null from routines where prosecdef
union all
select 'access_search_path', name, null
from routines
where nspname = 'marts' and not exists (select 1 from unnest(proconfig) as c where c like 'search\\_path=%%')
union all
select 'access_view_owner_rights', name, null
from ours
where
    nspname = 'marts' and relkind = 'v'
    and not coalesce(reloptions && array['security_invoker=true', 'security_invoker=on'], false)
union all
select 'access_materialised', name, null from ours where relkind = 'm'
union all
select 'access_trigger', o.name, t.tgname
from ours as o
inner join pg_trigger as t on t.tgrelid = o.oid and not t.tgisinternal
where o.nspname = 'marts'
union all
select 'access_primary_key', b.name, null
from brand_tables as b
where not exists (
    select 1
    from pg_constraint as k
    inner join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
    where k.conrelid = b.oid and k.contype = 'p' and a.attname = 'brand_id'
)
union all
select 'access_unique', i.indexrelid::regclass::text, null
from brand_tables as b
inner join pg_index as i on i.indrelid = b.oid and i.indisunique
where not exists (
    select 1
    from pg_attribute as a
    where a.attrelid = b.oid and a.attname = 'brand_id' and a.attnum = any(i.indkey)
)
union all
select 'access_undescribed', o.name || coalesce('.' || a.attname, ''), null
from ours as o
cross join lateral (
    select null, 0
    union all
    select attname, attnum from pg_attribute where attrelid = o.oid and attnum > 0 and not attisdropped
) as a (attname, attnum)
where o.nspname = 'marts' and coalesce(col_description(o.oid, a.attnum), '') = ''
"""

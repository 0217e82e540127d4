-- Past one machine: where the Citus extension is (docs/scale.md), a brand's rows stand together on one of the workers, and
-- what tells of no brand is on each of them. Without the extension this does nothing.

create function raw.distribute(relation regclass, everywhere boolean default false) returns void
language plpgsql set search_path = pg_catalog as $$
begin
    if to_regclass('pg_dist_partition') is null then
        return;
    end if;
    if exists (select from pg_dist_partition as p where p.logicalrelid = relation) then
        return;
    end if;
    if not everywhere and exists (select from pg_attribute as a where a.attrelid = relation and a.attname = 'brand_id' and a.attnum > 0) then
        perform create_distributed_table(relation, 'brand_id');
    else
        perform create_reference_table(relation);
    end if;
end $$;
comment on function raw.distribute is 'Puts a table onto the workers of Citus, by brand; without Citus it stays as it is.';

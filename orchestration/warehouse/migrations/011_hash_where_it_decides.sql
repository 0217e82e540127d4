-- A content hash stands only where it decides (orchestration/sources/versions.py): raw tables made before that let go.
do $$
declare
    made_before regclass;
begin
    for made_before in
        select attrelid from pg_attribute
        where attname = 'content_hash' and attnotnull
            and attrelid in (select oid from pg_class where relnamespace = 'raw'::regnamespace and relkind = 'r')
    loop
        execute format('alter table %s alter column content_hash drop not null', made_before);
    end loop;
end $$;

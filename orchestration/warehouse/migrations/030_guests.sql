-- The key of this installation, by which the login roles of brands are named: whoever can log in can list all roles, and
-- must not learn from their names who the other customers are.
create table raw.installation (
    is_only boolean primary key default true check (is_only),
    role_key text not null default encode(sha256(convert_to(gen_random_uuid()::text || gen_random_uuid(), 'UTF8')), 'hex')
);
insert into raw.installation default values;
comment on table raw.installation is 'What is of this installation alone; one row.';
comment on column raw.installation.role_key is 'Secret: what the names of the brands'' login roles are hashed with.';

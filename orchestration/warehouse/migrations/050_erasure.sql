-- Erasure of a person: what is kept of it is a keyed hash, by which rows that come again are known and left out.
create table raw.erased (
    brand_id text not null,
    id_hash bytea not null,
    erased_at timestamptz not null,
    primary key (brand_id, id_hash)
);
comment on table raw.erased is 'People who were erased, and what was theirs (conversations, orders, journey runs): hashes by a key that is in no database. Their rows are left out of each load, and counted.';
comment on column raw.erased.id_hash is 'HMAC-SHA256 by CAUSERIE_HASH_KEY of brand, kind and id.';

alter table raw.installation add column hash_key_check bytea;
comment on column raw.installation.hash_key_check is 'A hash by the key that raw.erased was written with, so that another key is noticed.';

alter table raw.load_count add column erased bigint not null default 0;
comment on column raw.load_count.erased is 'Rows of people who were erased: left out.';
alter table raw.load_count drop constraint nothing_is_lost;
alter table raw.load_count add constraint nothing_is_lost
check (rows_read = rows_loaded + duplicates + superseded + waiting + rejected + erased);

alter table marts.load_ledger add column erased bigint;
comment on table marts.load_ledger is 'One row per load of an extract and brand: what was read and what became of each row. Rows read = loaded + duplicates + superseded + waiting + rejected + erased.';
comment on column marts.load_ledger.erased is 'Rows of people who were erased: left out.';

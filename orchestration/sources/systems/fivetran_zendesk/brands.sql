-- A brand of the Zendesk, also one that is gone and has left tickets. It has no zone, language or currency of its own:
-- they are settings.
select coalesce(b.id, t.brand_id) as zendesk_brand_id, coalesce(b.name, 'Brand ' || t.brand_id) as name,
       coalesce(b._fivetran_synced, t.synced)::timestamptz as updated_at
  from brand b
  full join (select brand_id, min(_fivetran_synced) as synced from ticket where brand_id is not null group by brand_id) t
    on t.brand_id = b.id

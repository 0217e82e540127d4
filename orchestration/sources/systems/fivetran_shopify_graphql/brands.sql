-- The shop. A schema holds one; of several the first that is still there.
select s.id as shop_id, s.name, s.iana_timezone as timezone, s.currency_code as currency,
       s.primary_domain_localization_default_locale as locale, s.updated_at::timestamptz as updated_at
  from shop s
 where not coalesce(s._fivetran_deleted, false)
 order by s.created_at, s.id
 limit 1

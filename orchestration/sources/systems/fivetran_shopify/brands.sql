select s.id as shop_id, s.name, s.iana_timezone as timezone, s.currency, s.primary_locale as locale,
       s.updated_at::timestamptz as updated_at
  from shop s

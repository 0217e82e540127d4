-- An order in the shop's own currency; tests, and what was deleted, are none. Taxes are on the goods alone: what shipping
-- is taxed is told apart, and is part of shipping, in which it is included where the shop's prices are.
select s.id as shop_id, o.id as order_id, o.customer_id, o.email as identity_id,
       case when o.source_name in ('pos', 'point_of_sale') then 'store' when o.source_name = 'shopify_draft_order' then 'direct'
            when o.source_name in ('iphone', 'android') then 'app' else 'web' end as channel,
       o.created_at::timestamptz as ordered_at, paid.at as paid_at, o.cancelled_at::timestamptz as cancelled_at,
       case when paid.gateway ~* 'cash_on_delivery|cod' then 'cash_on_delivery'
            when paid.gateway ~* 'bank|manual|deposit|transfer' then 'transfer' when paid.gateway is null then 'other'
            else 'card' end as payment_method,
       o.currency_code as currency, o.total_price_set_shop_amount::numeric as gross_amount,
       greatest(o.total_tax_set_shop_amount::numeric - coalesce(shipping.tax, 0), 0) as tax_amount,
       coalesce(o.total_shipping_price_set_shop_amount::numeric, 0)
       + case when coalesce(o.taxes_included, false) then 0 else coalesce(shipping.tax, 0) end as shipping_amount,
       coalesce(o.total_discounts_set_shop_amount::numeric, 0) as discount_amount,
       greatest(o.updated_at::timestamptz, paid.at) as updated_at,
       greatest(o._fivetran_synced::timestamptz, paid.synced) as written_at
  from "order" o
  left join (
       select s.id from shop s where not coalesce(s._fivetran_deleted, false) order by s.created_at, s.id limit 1) s on true
  left join (
       select t.order_id, min(t.processed_at::timestamptz) filter (where lower(t.kind) in ('sale', 'capture')) as at,
              (array_agg(t.gateway order by t.processed_at))[1] as gateway, max(t._fivetran_synced::timestamptz) as synced
         from transaction t
        where lower(t.status) = 'success' and lower(t.kind) in ('authorization', 'sale', 'capture')
        group by t.order_id) paid on paid.order_id = o.id
  left join (
       select l.order_id, sum(x.price_set_shop_amount::numeric) as tax
         from order_shipping_line l
         join order_shipping_tax_line x on x.order_shipping_line_id = l.id
        group by l.order_id) shipping on shipping.order_id = o.id
 where not coalesce(o.test, false) and not coalesce(o._fivetran_deleted, false)

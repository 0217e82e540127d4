-- An order; tests are none. Taxes are on the goods alone: what shipping is taxed is told apart, and is part of shipping,
-- in which it is included where the shop's prices are.
select s.id as shop_id, o.id as order_id, o.customer_id, o.email as identity_id,
       case when o.source_name = 'pos' then 'store' when o.source_name = 'shopify_draft_order' then 'direct'
            when o.source_name in ('iphone', 'android') then 'app' else 'web' end as channel,
       o.created_at as ordered_at, paid.at as paid_at, o.cancelled_at,
       case when paid.gateway ~* 'cash_on_delivery|cod' then 'cash_on_delivery'
            when paid.gateway ~* 'bank|manual|deposit|transfer' then 'transfer' when paid.gateway is null then 'other'
            else 'card' end as payment_method,
       o.currency, o.total_price as gross_amount, greatest(o.total_tax - coalesce(shipping.tax, 0), 0) as tax_amount,
       coalesce(shipping.price, 0) + case when coalesce(o.taxes_included, false) then 0 else coalesce(shipping.tax, 0) end
       as shipping_amount,
       coalesce(o.total_discounts, 0) as discount_amount, greatest(o.updated_at, paid.at) as updated_at,
       greatest(o._fivetran_synced, paid.synced) as written_at
  from "order" o
  left join shop s on true
  left join lateral (
       select min(t.processed_at) filter (where t.kind in ('sale', 'capture')) as at,
              (array_agg(t.gateway order by t.processed_at))[1] as gateway, max(t._fivetran_synced) as synced
         from transaction t
        where t.order_id = o.id and t.status = 'success' and t.kind in ('authorization', 'sale', 'capture')) paid on true
  left join lateral (
       select sum(l.discounted_price) as price, sum(taxed.price) as tax
         from order_shipping_line l
         left join lateral (
              select sum(x.price) as price from order_shipping_tax_line x where x.order_shipping_line_id = l.id) taxed
           on true
        where l.order_id = o.id) shipping on true
 where not coalesce(o.test, false)

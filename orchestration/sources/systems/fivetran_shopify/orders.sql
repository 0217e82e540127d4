-- An order; tests are none. Taxes are on the goods alone: what shipping is taxed is told apart, and is part of shipping,
-- in which it is included where the shop's prices are.
select s.id as shop_id, o.id as order_id, o.customer_id, o.email as identity_id,
       case when o.source_name = 'pos' then 'store' when o.source_name = 'shopify_draft_order' then 'direct'
            when o.source_name in ('iphone', 'android') then 'app' else 'web' end as channel,
       o.created_at::timestamptz as ordered_at, paid.at as paid_at, o.cancelled_at::timestamptz as cancelled_at,
       case when paid.gateway ~* 'cash_on_delivery|cod' then 'cash_on_delivery'
            when paid.gateway ~* 'bank|manual|deposit|transfer' then 'transfer' when paid.gateway is null then 'other'
            else 'card' end as payment_method,
       o.currency, o.total_price::numeric as gross_amount,
       greatest(o.total_tax::numeric - coalesce(shipping.tax, 0), 0) as tax_amount,
       coalesce(shipping.price, 0) + case when coalesce(o.taxes_included, false) then 0 else coalesce(shipping.tax, 0) end
       as shipping_amount,
       coalesce(o.total_discounts::numeric, 0) as discount_amount,
       greatest(o.updated_at::timestamptz, paid.at) as updated_at,
       greatest(o._fivetran_synced::timestamptz, paid.synced) as written_at
  from "order" o
  left join shop s on true
  left join (
       select t.order_id, min(t.processed_at::timestamptz) filter (where t.kind in ('sale', 'capture')) as at,
              (array_agg(t.gateway order by t.processed_at))[1] as gateway, max(t._fivetran_synced::timestamptz) as synced
         from transaction t
        where t.status = 'success' and t.kind in ('authorization', 'sale', 'capture')
        group by t.order_id) paid on paid.order_id = o.id
  left join (
       select l.order_id, sum(l.discounted_price::numeric) as price, sum(taxed.price) as tax
         from order_shipping_line l
         left join (
              select x.order_shipping_line_id, sum(x.price::numeric) as price
                from order_shipping_tax_line x
               group by x.order_shipping_line_id) taxed on taxed.order_shipping_line_id = l.id
        group by l.order_id) shipping on shipping.order_id = o.id
 where not coalesce(o.test, false)

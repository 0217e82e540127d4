-- A line of an order, numbered in the order of their ids, its price with tax: what Shopify adds is told apart by its tax
-- lines. A line whose order is not there has no time, and is left out until it is.
select s.id as shop_id, l.order_id, row_number() over (partition by l.order_id order by l.id) as line_number,
       coalesce(l.product_id, l.id) as product_id, l.quantity,
       (l.original_total_set_shop_amount::numeric
        + case when coalesce(o.taxes_included, false) then 0 else coalesce(taxed.price, 0) end) / nullif(l.quantity, 0)
       as unit_amount,
       o.updated_at::timestamptz as updated_at,
       case when o.id is null then 'a line of an order that is not there' end as left_out,
       greatest(l._fivetran_synced::timestamptz, o._fivetran_synced::timestamptz) as written_at
  from order_line l
  left join "order" o on o.id = l.order_id
  left join (
       select s.id from shop s where not coalesce(s._fivetran_deleted, false) order by s.created_at, s.id limit 1) s on true
  left join (
       select x.order_line_id, sum(x.price_set_shop_amount::numeric) as price
         from tax_line x
        group by x.order_line_id) taxed on taxed.order_line_id = l.id
 where not coalesce(o.test, false) and not coalesce(o._fivetran_deleted, false)

-- A line of an order, its price with tax: what Shopify adds is told apart by its tax lines. A line whose order is not
-- there has no time, and is left out until it is.
select s.id as shop_id, l.order_id, l.index as line_number, coalesce(l.product_id, l.id) as product_id, l.quantity,
       l.price::numeric + case when coalesce(o.taxes_included, false) then 0
                               else coalesce(taxed.price, 0) / nullif(l.quantity, 0) end as unit_amount,
       o.updated_at::timestamptz as updated_at,
       case when o.id is null then 'a line of an order that is not there' end as left_out,
       greatest(l._fivetran_synced::timestamptz, o._fivetran_synced::timestamptz) as written_at
  from order_line l
  left join "order" o on o.id = l.order_id
  left join shop s on true
  left join (select x.order_line_id, sum(x.price::numeric) as price from tax_line x group by x.order_line_id) taxed
    on taxed.order_line_id = l.id
 where not coalesce(o.test, false)

-- A line of an order, its price with tax: what Shopify adds is told apart by its tax lines.
select s.id as shop_id, l.order_id, l.index as line_number, coalesce(l.product_id, l.id) as product_id, l.quantity,
       l.price + case when coalesce(o.taxes_included, false) then 0 else coalesce(taxed.price, 0) / l.quantity end
       as unit_amount,
       o.updated_at, greatest(l._fivetran_synced, o._fivetran_synced) as written_at
  from order_line l
  join "order" o on o.id = l.order_id and not coalesce(o.test, false)
 cross join shop s
  left join lateral (select sum(x.price) as price from tax_line x where x.order_line_id = l.id) taxed on true
 where l.quantity > 0

-- A line of an order, its price with tax: what Shopify adds is told apart by its tax lines. A line whose order is not
-- there has no time, and waits in quarantine for it.
select s.id as shop_id, l.order_id, l.index as line_number, coalesce(l.product_id, l.id) as product_id, l.quantity,
       l.price + case when coalesce(o.taxes_included, false) then 0 else coalesce(taxed.price, 0) / nullif(l.quantity, 0) end
       as unit_amount,
       o.updated_at, greatest(l._fivetran_synced, o._fivetran_synced) as written_at
  from order_line l
  left join "order" o on o.id = l.order_id
  left join shop s on true
  left join lateral (select sum(x.price) as price from tax_line x where x.order_line_id = l.id) taxed on true
 where not coalesce(o.test, false)

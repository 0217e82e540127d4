-- What was given back, over all transactions of a refund. One that moved no money (goods back on the shelf) is none; one
-- whose order is not there is left out until it is.
select s.id as shop_id, r.id as refund_id, r.order_id, r.created_at::timestamptz as refunded_at,
       r.total_refunded_set_shop_amount::numeric as amount, r.total_refunded_set_shop_currency_code as currency,
       case when o.id is null then 'a refund of an order that is not there'
            when coalesce(r.total_refunded_set_shop_amount, 0) = 0 then 'a refund that gave no money back' end as left_out,
       greatest(r._fivetran_synced::timestamptz, o._fivetran_synced::timestamptz) as written_at
  from refund r
  left join "order" o on o.id = r.order_id
  left join (
       select s.id from shop s where not coalesce(s._fivetran_deleted, false) order by s.created_at, s.id limit 1) s on true
 where not coalesce(o.test, false) and not coalesce(o._fivetran_deleted, false)

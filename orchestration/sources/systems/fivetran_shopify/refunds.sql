-- What was given back: the refunding transactions of a refund. One that moved no money (goods back on the shelf) is none.
select s.id as shop_id, r.id as refund_id, r.order_id, r.processed_at as refunded_at, given.amount, o.currency,
       greatest(r._fivetran_synced, given.synced) as written_at
  from refund r
  join "order" o on o.id = r.order_id and not coalesce(o.test, false)
 cross join shop s
  join lateral (
       select sum(t.amount) as amount, max(t._fivetran_synced) as synced
         from transaction t
        where t.refund_id = r.id and t.kind = 'refund' and t.status = 'success') given on given.amount > 0

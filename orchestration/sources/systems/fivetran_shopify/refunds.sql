-- What was given back: the refunding transactions of a refund. One that moved no money (goods back on the shelf) is
-- none, and is counted by its reason.
select s.id as shop_id, r.id as refund_id, r.order_id, r.processed_at as refunded_at, given.amount, o.currency,
       case when coalesce(given.amount, 0) = 0 then 'a refund without a transaction that gave money back' end as left_out,
       greatest(r._fivetran_synced, o._fivetran_synced, given.synced) as written_at
  from refund r
  left join "order" o on o.id = r.order_id
  left join shop s on true
 cross join lateral (
       select sum(t.amount) as amount, max(t._fivetran_synced) as synced
         from transaction t
        where t.refund_id = r.id and t.kind = 'refund' and t.status = 'success') given
 where not coalesce(o.test, false)

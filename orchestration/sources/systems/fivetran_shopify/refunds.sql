-- What was given back: the refunding transactions of a refund. One that moved no money (goods back on the shelf) is
-- none; one whose order is not there is left out until it is, for what the order says (its currency) is not known.
select s.id as shop_id, r.id as refund_id, r.order_id, r.processed_at::timestamptz as refunded_at, given.amount, o.currency,
       case when o.id is null then 'a refund of an order that is not there'
            when coalesce(given.amount, 0) = 0 then 'a refund without a transaction that gave money back' end as left_out,
       greatest(r._fivetran_synced::timestamptz, o._fivetran_synced::timestamptz, given.synced) as written_at
  from refund r
  left join "order" o on o.id = r.order_id
  left join shop s on true
  left join (
       select t.refund_id, sum(t.amount::numeric) as amount, max(t._fivetran_synced::timestamptz) as synced
         from transaction t
        where t.kind = 'refund' and t.status = 'success'
        group by t.refund_id) given on given.refund_id = r.id
 where not coalesce(o.test, false)

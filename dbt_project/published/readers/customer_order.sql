select
    o.brand_id as brand_id,
    o.order_id as order_id,
    o.buyer as buyer,
    o.ordered_at as ordered_at,
    o.ordered_local_date as ordered_local_date,
    o.channel as channel,
    o.gross_amount as gross_amount,
    row_number() over orders_of_buyer as customer_order_number,
    row_number() over orders_of_buyer = 1 as is_first_order,
    first_value(o.ordered_local_date) over orders_of_buyer as first_ordered_local_date,
    lag(o.order_id) over orders_of_buyer as previous_order_id,
    o.ordered_local_date - lag(o.ordered_local_date) over orders_of_buyer as days_since_previous
from {{ ref('fct_order') }} as o
where o.buyer is not null
window orders_of_buyer as (partition by o.brand_id, o.buyer order by o.ordered_at, o.order_id collate "C")

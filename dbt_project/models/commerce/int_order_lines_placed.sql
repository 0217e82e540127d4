-- The lines of the touched orders.
select
    l.brand_id,
    l.order_id,
    l.line_number,
    l.product_id,
    l.product_name,
    l.quantity,
    l.unit_amount,
    l.quantity * l.unit_amount as line_amount,
    o.ordered_at
from {{ ref('stg_sales__order_lines') }} as l
inner join {{ ref('int_orders_credited') }} as o on o.brand_id = l.brand_id and o.order_id = l.order_id

{{
    config(
        indexes=[
            {'columns': ['brand_id', 'visitor_id', 'product_id', 'ordered_at']},
            {'columns': ['brand_id', 'order_id']},
        ]
    )
}}

-- The order lines of the touched visitors, each with what recommendations its visitor had met before it was ordered.
-- All of it precedes the order, so none of it changes afterwards. Days are of 24 hours, their end included.
with

line as (
    select
        o.brand_id,
        o.order_id,
        l.line_number,
        o.visitor_id,
        l.product_id,
        l.quantity * l.unit_amount as line_amount,
        o.ordered_at
    from {{ ref('int_orders_identified') }} as o
    inner join {{ ref('touched_visitor') }} as t on t.brand_id = o.brand_id and t.visitor_id = o.visitor_id
    inner join {{ ref('stg_sales__order_lines') }} as l on l.brand_id = o.brand_id and l.order_id = o.order_id
),

-- Views that a recommendation of the product led to, with the moments of putting it into the cart after them.
view_carted as (
    select
        v.brand_id,
        v.visitor_id,
        v.product_id,
        v.occurred_at as viewed_at,
        min(c.occurred_at) as carted_at
    from {{ ref('int_site_events_cut') }} as v
    inner join {{ ref('int_site_events_cut') }} as c
        on
            c.brand_id = v.brand_id
            and c.visitor_id = v.visitor_id
            and c.product_id = v.product_id
            and c.event_type = 'add_to_cart'
            and c.occurred_at > v.occurred_at
    where
        v.event_type = 'product_view'
        and exists (
            select 1
            from {{ ref('int_site_events_cut') }} as r
            where
                r.brand_id = v.brand_id
                and r.visitor_id = v.visitor_id
                and r.product_id = v.product_id
                and r.event_type in ('recommendation_click', 'recommendation_shown')
                and r.occurred_at < v.occurred_at
                and (
                    r.event_type = 'recommendation_click'
                    or r.occurred_at >= v.occurred_at - interval '{{ var('spans').recommendation_shown }}'
                )
        )
    group by v.brand_id, v.visitor_id, v.product_id, v.occurred_at
),

-- Joined as a whole: looked up order by order, PostgreSQL would read every click of the brand's week for each.
click as (
    select
        o.brand_id,
        o.order_id,
        max(r.occurred_at) as recommendation_clicked_at
    from {{ ref('int_orders_identified') }} as o
    inner join {{ ref('touched_visitor') }} as t on t.brand_id = o.brand_id and t.visitor_id = o.visitor_id
    inner join {{ ref('int_site_events_cut') }} as r
        on
            r.brand_id = o.brand_id
            and r.visitor_id = o.visitor_id
            and r.event_type = 'recommendation_click'
            and r.occurred_at < o.ordered_at
            and r.occurred_at >= o.ordered_at - interval '{{ var('spans').recommendation_followed }}'
    group by o.brand_id, o.order_id
)

select
    l.brand_id,
    l.order_id,
    l.line_number,
    l.visitor_id,
    l.product_id,
    l.line_amount,
    l.ordered_at,
    (
        select max(v.viewed_at)
        from view_carted as v
        where
            v.brand_id = l.brand_id
            and v.visitor_id = l.visitor_id
            and v.product_id = l.product_id
            and v.carted_at < l.ordered_at
            and v.viewed_at >= l.ordered_at - interval '{{ var('spans').recommendation_followed }}'
    ) as recommended_view_at,
    (
        select max(r.occurred_at)
        from {{ ref('int_site_events_cut') }} as r
        where
            r.brand_id = l.brand_id
            and r.visitor_id = l.visitor_id
            and r.product_id = l.product_id
            and r.event_type = 'recommendation_shown'
            and r.occurred_at < l.ordered_at
            and r.occurred_at >= l.ordered_at - interval '{{ var('spans').recommendation_followed }}'
    ) as recommendation_shown_at,
    c.recommendation_clicked_at
from line as l
left join click as c on c.brand_id = l.brand_id and c.order_id = l.order_id

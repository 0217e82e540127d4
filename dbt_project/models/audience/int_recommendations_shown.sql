{{ config(indexes=[{'columns': ['brand_id', 'session_key']}]) }}

-- The products recommended in each site session of the touched visitors, with what followed the first showing: in the
-- session a click on it, a view and the cart, and within a week a purchase by the session's visitor.
with

followed as (
    select
        e.brand_id,
        e.session_key,
        e.product_id,
        e.session_visitor_id as visitor_id,
        e.product_recommended_at as shown_at,
        min(e.occurred_at) filter (where e.event_type = 'recommendation_click') as clicked_at,
        min(e.occurred_at) filter (where e.event_type = 'product_view') as viewed_at,
        min(e.occurred_at) filter (where e.event_type = 'add_to_cart') as carted_at
    from (
        select
            c.brand_id,
            c.session_key,
            c.product_id,
            c.session_visitor_id,
            c.product_recommended_at,
            c.occurred_at,
            case when c.occurred_at > c.product_recommended_at then c.event_type end as event_type
        from {{ ref('int_site_events_cut') }} as c
        where c.product_recommended_at is not null
    ) as e
    inner join {{ ref('touched_visitor') }} as t on t.brand_id = e.brand_id and t.visitor_id = e.session_visitor_id
    group by e.brand_id, e.session_key, e.product_id, e.session_visitor_id, e.product_recommended_at
)

select
    f.brand_id,
    f.session_key,
    f.product_id,
    f.visitor_id,
    f.shown_at,
    f.clicked_at,
    f.viewed_at,
    f.carted_at,
    (
        select min(l.ordered_at)
        from {{ ref('int_visitor_lines_bought') }} as l
        where
            l.brand_id = f.brand_id
            and l.visitor_id = f.visitor_id
            and l.product_id = f.product_id
            and l.ordered_at > f.shown_at
            and l.ordered_at <= f.shown_at + interval '{{ var('spans').recommendation_followed }}'
    ) as bought_at
from followed as f

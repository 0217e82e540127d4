{{ config(indexes=[{'columns': ['brand_id', 'ordered_at']}, {'columns': ['brand_id', 'visitor_id']}]) }}

-- The order lines of the touched visitors that recommendations may have led to.
select
    l.brand_id,
    l.order_id,
    l.line_number,
    l.visitor_id,
    l.product_id,
    l.line_amount,
    l.ordered_at,
    l.recommended_view_at,
    l.recommendation_shown_at,
    l.recommendation_clicked_at
from {{ ref('int_visitor_lines_bought') }} as l
where num_nonnulls(l.recommended_view_at, l.recommendation_shown_at, l.recommendation_clicked_at) > 0

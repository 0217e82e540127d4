{{ config(indexes=[{'columns': ['brand_id', 'began_at']}, {'columns': ['brand_id', 'reply_at']}]) }}

-- The visitor's turns with the working time until they were answered: the whole time where the brand keeps no hours,
-- else what of it lies within the hours of the author's team, or the brand's where that team has none.
with

timed as (
    select
        t.*,
        brand.working_hours is null as is_always_open,
        case when brand.working_hours -> 'teams' ? t.reply_author_team then t.reply_author_team else '' end as hours_of
    from {{ ref('int_turns_taken') }} as t
    inner join {{ ref('int_brands_current') }} as brand on brand.brand_id = t.brand_id
),

worked as (
    select
        t.brand_id,
        t.turn_id,
        sum(extract(epoch from upper(spell.open) - lower(spell.open))) as working_seconds
    from timed as t
    inner join {{ ref('int_days_opened') }} as d
        on
            d.brand_id = t.brand_id
            and d.hours_of = t.hours_of
            and d.starts_at < t.reply_at
            and d.ends_at > t.began_at
    cross join lateral unnest(d.opened * tstzmultirange(tstzrange(t.began_at, t.reply_at))) as spell (open)
    group by t.brand_id, t.turn_id
)

select
    t.brand_id,
    t.turn_id,
    t.conversation_id,
    t.began_at,
    t.answered_at,
    extract(epoch from t.answered_at - t.began_at) as answer_seconds,
    t.reply_at,
    t.reply_author_id,
    t.reply_author_role,
    case
        when t.reply_at is null then null
        when t.is_always_open then extract(epoch from t.reply_at - t.began_at)
        else coalesce(w.working_seconds, 0)
    end as working_seconds,
    t.source,
    t.inbox,
    t.conversation_channel,
    t.handled_basis,
    t.member_id,
    t.requested_at,
    t.handled_at,
    t.member_role
from timed as t
left join worked as w on w.brand_id = t.brand_id and w.turn_id = t.turn_id

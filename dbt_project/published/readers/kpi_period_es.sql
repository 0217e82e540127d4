-- What was unknown on the brand's first day: its days don't add up to what a longer period counts. Looked up once for
-- each brand, some index probes: within the query, the planner may do it for each row.
with begun as materialized (
    select
        s.brand_id, s.currency, s.first_date,
        array(
            select distinct unknown.ref
            from {{ ref('kpi_period') }} as unknown
            where
                unknown.brand_id = s.brand_id and unknown.grain = 'day' and unknown.period_start = s.first_date
                and unknown.dimension = 'all' and unknown.missing <> '{}'
        ) as unknown_refs
    from (
        select
            brand.brand_id, brand.currency,
            (
                select min(day.period_start)
                from {{ ref('kpi_period') }} as day
                where day.brand_id = brand.brand_id and day.grain = 'day'
            ) as first_date
        from {{ ref('dim_brand') }} as brand
    ) as s
)

select
    p.brand_id as brand_id,
    case k.area
        when 'waiting_list' then 'Lista de espera'
        when 'hook' then 'Invitación'
        when 'conversations' then 'Conversaciones y diálogos'
        when 'ratings_and_sales' then 'Valoraciones y ventas de los diálogos'
        when 'widget' then 'Widget'
        when 'shop' then 'Pedidos'
        when 'customers' then 'Clientes'
        when 'engagement' then 'Interacción'
        when 'agents' then 'Atención de los miembros'
        when 'ads' then 'Anuncios'
        when 'one_to_one' then 'Uno a uno'
        when 'personalisation' then 'Personalización'
        when 'recommendations' then 'Recomendaciones'
        when 'journeys' then 'Recorridos'
        when 'desk' then 'Centro de asistencia'
        when 'live' then 'En directo'
        else k.area
    end as area,
    p.ref as ref,
    k.name_es as name,
    k.unit as unit,
    case when k.unit = 'amount' then b.currency end as currency,
    p.grain as grain,
    p.period_start as period_start,
    d.period_end as period_end,
    d.period_label as period_label,
    b.first_date <= p.period_start and d.is_over as is_complete,
    p.dimension as dimension,
    p.dimension_value as dimension_value,
    case
        when p.dimension = 'role' and p.dimension_value <> '(none)'
            then replace('Rol {}', '{}', p.dimension_value)
        when p.dimension = 'member' and p.dimension_value <> '(none)' then coalesce(nullif(concat_ws(' ', m.first_name, m.last_name), ''), p.dimension_value)
        else case p.dimension_value
        when 'waiting_list' then 'Lista de espera'
        when 'direct' then 'Directo'
        when 'hook' then 'Invitación'
        when 'phygital' then 'En tienda'
        when 'web' then 'Web'
        when 'store' then 'Tienda'
        when 'app' then 'Aplicación'
        when '30 min-1 day' then '30 min-1 día'
        when '1-3 days' then '1-3 días'
        when '>3 days' then '>3 días'
        when '1 h-1 day' then '1 h-1 día'
        when '1-7 days' then '1-7 días'
        when '7-30 days' then '7-30 días'
        when '30-180 days' then '30-180 días'
        when 'more' then 'más'
        when 'all' then 'todo'
        when 'role {}' then 'Rol {}'
        when '(none)' then 'ninguno'
        else p.dimension_value
    end
    end as dimension_value_name,
    case when p.dimension = 'member' then nullif(concat_ws(' ', m.first_name, m.last_name), '') end as member_name,
    p.bin as bin,
    case p.bin
        when 'waiting_list' then 'Lista de espera'
        when 'direct' then 'Directo'
        when 'hook' then 'Invitación'
        when 'phygital' then 'En tienda'
        when 'web' then 'Web'
        when 'store' then 'Tienda'
        when 'app' then 'Aplicación'
        when '30 min-1 day' then '30 min-1 día'
        when '1-3 days' then '1-3 días'
        when '>3 days' then '>3 días'
        when '1 h-1 day' then '1 h-1 día'
        when '1-7 days' then '1-7 días'
        when '7-30 days' then '7-30 días'
        when '30-180 days' then '30-180 días'
        when 'more' then 'más'
        when 'all' then 'todo'
        when 'role {}' then 'Rol {}'
        when '(none)' then 'ninguno'
        else p.bin
    end as bin_name,
    case when h.roll_up = 'ratio' and p.ref = any(b.unknown_refs) then 'none' else h.roll_up end as roll_up,
    p.value as value,
    p.numerator as numerator,
    p.denominator as denominator,
    p.is_final as is_final,
    p.settled_share as settled_share,
    p.missing as missing
from (
    select
        a.brand_id, a.grain, a.period_start, a.dimension, a.dimension_value, a.ref, a.bin, a.value, a.numerator,
        a.denominator, a.is_final, a.settled_share, a.missing
    from {{ ref('kpi_period') }} as a
    where a.dimension = 'all'
    union all
    -- A value of a dimension, from its first period on, has every period that there is: with nothing in it, the counts
    -- are 0. How final that is, and what is unknown, holds for the whole period, of which the row of all tells.
    select
        a.brand_id, a.grain, a.period_start, v.dimension, v.dimension_value, a.ref, a.bin,
        case when p.ref is not null then p.value when f.kind = 'count' then a.numerator * 0 end as value,
        case when p.ref is not null then p.numerator else a.numerator * 0 end as numerator,
        case when p.ref is not null then p.denominator else a.denominator * 0 end as denominator,
        coalesce(p.is_final, a.is_final) as is_final,
        case when p.ref is not null then p.settled_share else a.settled_share end as settled_share,
        coalesce(p.missing, a.missing) as missing
    from (
        -- Each value stands in the years that it was seen in.
        select y.brand_id, y.dimension, y.dimension_value
        from {{ ref('kpi_period') }} as y
        where y.grain = 'year' and y.dimension <> 'all'
        group by y.brand_id, y.dimension, y.dimension_value
    ) as v
    cross join (values ('day'), ('week'), ('month'), ('quarter'), ('year')) as g (grain)
    cross join lateral (
        select min(seen.period_start) as period_start
        from {{ ref('kpi_period') }} as seen
        where
            seen.brand_id = v.brand_id and seen.dimension = v.dimension
            and seen.dimension_value = v.dimension_value and seen.grain = g.grain
    ) as first_seen
    inner join (
        values
        ('Wlst-Card-1', 'count', array['inbox', 'conversation_channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wlst-Card-2', 'count', array['inbox', 'conversation_channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wlst-Card-3', 'count', array['inbox', 'conversation_channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wlst-Card-10', 'count', array['inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wlst-Card-11', 'count', array['inbox', 'conversation_channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wlst-Card-12', 'ratio', array['inbox', 'conversation_channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wlst-Card-13', 'ratio', array['inbox', 'conversation_channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wlst-Card-14', 'median', array['inbox', 'conversation_channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Bar-10', 'count', array['inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Hook-Card-2', 'count', array['member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Hook-Card-3', 'count', array['member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Hook-Card-4', 'count', array['member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Hook-Card-5', 'count', array['member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Hook-Card-10', 'ratio', array['member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-0', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-1', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-2', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-3', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-4', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-8', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-10', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-11', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-12', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-14', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-15', 'median', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-16', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-17', 'median', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-18', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-19', 'median', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-20', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-21', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-22', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Amb-Card-23', 'median', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-30', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-31', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-32', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-33', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-34', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-35', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-37', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-38', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-50', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-60', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Donut-1', 'count', array['inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Donut-2', 'count', array['inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Bar-11', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Bar-12', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Bar-50', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-70', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-71', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-72', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-73', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-80', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-81', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-82', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-85', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Card-86', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Chat-Bar-51', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Sale-Card-9', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Sale-Card-10', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Sale-Card-11', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Sale-Card-12', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Amb-Card-52', 'count', array['member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wget-Card-01', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wget-Card-02', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wget-Card-03', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wget-Card-04', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wget-Card-05', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wget-Card-06', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wget-Card-18', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Wget-Card-19', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Shop-Card-1', 'count', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Shop-Card-2', 'count', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Shop-Card-3', 'ratio', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Shop-Card-1a', 'count', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Shop-Card-2a', 'count', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Shop-Card-3a', 'ratio', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Shop-Card-4', 'count', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Shop-Card-5', 'count', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Cust-Card-1', 'count', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Cust-Card-1a', 'count', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Cust-Card-3', 'ratio', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Cust-Card-3a', 'ratio', array['channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Engt-Card-1', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Engt-Card-2', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Engt-Card-3', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Engt-Funnel-1', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Engt-Funnel-2', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Engt-Funnel-3', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Engt-Funnel-4', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Engt-Funnel-5', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Engt-Funnel-6', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Agnt-Card-1', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Agnt-Card-2', 'ratio', array['member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Agnt-Card-3', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Agnt-Card-4', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Ads-Card-1', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Ads-Card-2', 'count', array['ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Ads-Card-3', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Ads-Funnel-1', 'count', array['ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Ads-Funnel-2', 'count', array['ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Ads-Funnel-3', 'count', array['ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Ads-Funnel-4', 'count', array['ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Ads-Funnel-5', 'count', array['ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Ads-Funnel-6', 'count', array['ad', 'ad_payload', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-1', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-2', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-3', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-4', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-10', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-11', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-12', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-13', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-14', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-20', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-21', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-22', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-23', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-24', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-30', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-31', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-40', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-50', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-51', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-52', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('One-Card-60', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Pers-Card-1', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Pers-Card-2', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Pers-Card-10', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Pers-Card-11', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Pers-Card-12', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Pers-Card-13', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Reco-Card-1', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Reco-Card-2', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Reco-Card-3', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Reco-Card-4', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Reco-Card-5', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Reco-Card-6', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Reco-Card-7', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Reco-Card-8', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Jour-Card-1', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Jour-Card-2', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Jour-Card-3', 'count', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Jour-Card-4', 'count', array['notification_channel', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Jour-Card-5', 'ratio', array['day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Desk-Card-1', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Desk-Card-2', 'median', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Desk-Card-3', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Desk-Card-4', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Desk-Card-5', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Desk-Card-6', 'median', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Desk-Card-7', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Desk-Card-8', 'ratio', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[]),
        ('Desk-Card-9', 'count', array['source', 'inbox', 'conversation_channel', 'member', 'role', 'day', 'week', 'month', 'hour', 'weekday']::text[])
    ) as f (ref, kind, dimensions) on v.dimension = any(f.dimensions)
    inner join {{ ref('kpi_period') }} as a
        on
            a.brand_id = v.brand_id and a.grain = g.grain and a.dimension = 'all' and a.ref = f.ref
            and a.period_start >= first_seen.period_start
    left join {{ ref('kpi_period') }} as p
        on
            p.brand_id = a.brand_id and p.grain = a.grain and p.period_start = a.period_start
            and p.dimension = v.dimension and p.dimension_value = v.dimension_value and p.ref = a.ref and p.bin = a.bin
) as p
inner join {{ source('marts', 'dim_kpi') }} as k on k.ref = p.ref
inner join begun as b on b.brand_id = p.brand_id
-- Each period once, and not for each of its rows: grouped, and joined by left joins, so that the planner keeps it so
-- and knows how many there are.
inner join (
    select
        e.brand_id, e.grain, e.period_start,
        max(e.period_end) as period_end,
        max(case e.grain
            when 'week' then to_char(e.period_start, 'IYYY-"W"IW')
            when 'month' then to_char(e.period_start, 'YYYY-MM')
            when 'quarter' then to_char(e.period_start, 'YYYY-"Q"Q')
            when 'year' then to_char(e.period_start, 'YYYY')
            else to_char(e.period_start, 'YYYY-MM-DD')
        end) as period_label,
        bool_and(last_day.ends_at <= r.data_through) as is_over
    from (
        select
            a.brand_id, a.grain, a.period_start,
            (a.period_start + case a.grain
                when 'day' then interval '1 day' when 'week' then interval '7 days' when 'month' then interval '1 month'
                when 'quarter' then interval '3 months' else interval '1 year'
            end)::date - 1 as period_end
        from {{ ref('kpi_period') }} as a
        where a.dimension = 'all'
        group by a.brand_id, a.grain, a.period_start
    ) as e
    left join {{ ref('dim_date') }} as first_day on first_day.brand_id = e.brand_id and first_day.local_date = e.period_start
    left join {{ ref('dim_date') }} as last_day on last_day.brand_id = e.brand_id and last_day.local_date = e.period_end
    cross join (select max(g.data_through) as data_through from {{ source('marts', 'publication') }} as g) as r
    group by e.brand_id, e.grain, e.period_start
    having bool_and(first_day.starts_at < r.data_through)
) as d on d.brand_id = p.brand_id and d.grain = p.grain and d.period_start = p.period_start
cross join lateral (
    select case when p.dimension in ('member', 'role') then k.roll_up_by_member else k.roll_up end as roll_up
) as h
left join {{ ref('dim_member') }} as m
    on p.dimension = 'member' and m.brand_id = p.brand_id and m.member_id = p.dimension_value and m.is_current

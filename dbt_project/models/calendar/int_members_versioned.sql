{{ config(indexes=[{'columns': ['brand_id', 'member_id']}]) }}

-- The role history. A member's first known version also speaks for the time before it: the contract accepts no fact
-- older than the year 2000, so that is where it begins.
select
    m.brand_id,
    m.member_id,
    case
        when lag(m.updated_at) over member is null then timestamptz '2000-01-01 00:00:00+00'
        else m.updated_at
    end as valid_from,
    lead(m.updated_at) over member as valid_to,
    m.first_name,
    m.last_name,
    m.role,
    m.team,
    lead(m.updated_at) over member is null as is_current
from {{ ref('stg_chat__members') }} as m
window member as (partition by m.brand_id, m.member_id order by m.updated_at)

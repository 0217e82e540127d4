-- Which indicators are stated anew of a touched period, by its extent: all of a whole one; of an altered one those that
-- read what is of a kind that was touched; of one that was over and that nothing touches those that may still move with
-- time alone; of one that is settled none. New and redefined ones always.
with

altered as (
    select distinct r.ref
    from (
        {{ touched_models_read() }}
    ) as r
    where r.touched_model in (select unnest(d.touched_models) from {{ ref('touched_date') }} as d)
)

select
    e.extent,
    i.ref
from (values ('whole'), ('altered'), ('unsettled'), ('redefined')) as e (extent)
cross join {{ source('build', 'indicator') }} as i
left join altered as a on a.ref = i.ref
where
    i.is_touched
    or case e.extent
        when 'whole' then true
        when 'altered' then a.ref is not null
        when 'unsettled' then not i.is_fixed
        else false
    end

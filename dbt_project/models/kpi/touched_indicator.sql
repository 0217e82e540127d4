-- Which indicators are stated anew of a touched period, by its extent: all of a whole one; of one that was over and
-- that nothing touches those that may still move with time alone; of one that is settled none. New and redefined ones
-- always.
select
    e.extent,
    i.ref
from (values ('whole'), ('unsettled'), ('redefined')) as e (extent)
cross join {{ source('build', 'indicator') }} as i
where e.extent = 'whole' or i.is_touched or (e.extent = 'unsettled' and not i.is_fixed)

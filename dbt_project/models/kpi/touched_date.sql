-- The local dates on which something lies that has changed: as it now is, and as it was published. A change of anything
-- can move the indicators of the periods around these dates, and of no others. Beside them what came late or corrected
-- of the things that lie there: it explains why published numbers move. And of which kinds the things are, by their
-- touched models. By which instants something is counted, the catalogue says.
with

instant as (
    {{ changed_instants() }}
)

select
    i.brand_id,
    {{ local_date('i.at') }} as local_date,
    array_agg(distinct i.touched_model) as touched_models,
    array_agg(distinct i.first_restatement_id) filter (where i.first_restatement_id is not null)
        as first_restatement_ids
from instant as i
{{ join_local_day('i.brand_id', 'i.at') }}
group by i.brand_id, {{ local_date('i.at') }}

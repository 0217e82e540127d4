{{ config(indexes=[{'columns': ['brand_id', 'entity', 'entity_id']}]) }}

-- Of the kinds of entities of which what counts one row asks others too: the touched ones with a rebuilt row that is
-- not the published one. What was rebuilt and came out as it was moves no indicator.
{{ changed_entities() }}

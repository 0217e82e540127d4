{{ config(indexes=[{'columns': ['brand_id', 'identity_id']}]) }}

-- What other systems call a person, whose link to a visitor is new, changed or gone; in whichever of the systems.
{{ touched_rows('identity') }}

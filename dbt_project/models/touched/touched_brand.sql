{{ config(indexes=[{'columns': ['brand_id']}]) }}

{{ touched_rows('brand') }}

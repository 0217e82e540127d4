{{ config(indexes=[{'columns': ['brand_id', 'member_id']}]) }}

{{ touched_rows('member') }}

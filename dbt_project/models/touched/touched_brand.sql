{{ touched_rows('brand') }}

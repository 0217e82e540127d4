{{ touched_rows('member') }}

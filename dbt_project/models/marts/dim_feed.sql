{{ mart_rows(ref('int_feeds_begun')) }}

{{ mart_rows(ref('int_experiences_current')) }}

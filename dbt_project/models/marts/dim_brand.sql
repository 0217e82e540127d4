{{ mart_rows(ref('int_brands_current')) }}

{{ mart_rows(ref('int_journeys_current')) }}

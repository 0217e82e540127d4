{{ mart_rows(ref('int_settling_curved')) }}

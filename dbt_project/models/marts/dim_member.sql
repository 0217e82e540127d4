{{ mart_rows(ref('int_members_versioned')) }}

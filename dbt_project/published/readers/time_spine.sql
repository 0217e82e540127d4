select day::date as date_day
from generate_series(timestamp '2000-01-01', timestamp '2049-12-31', interval '1 day') as day

-- The indicators that are stated anew of the touched periods, over everything, from the report's own scans over the
-- schema next. Apart from those by dimension, so that all are counted at once.
{{ answered_anew(['all']) }}

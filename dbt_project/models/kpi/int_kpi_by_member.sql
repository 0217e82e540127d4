-- The indicators that are stated anew of the touched periods, by whose they are, from the report's own scans over the
-- schema next. Apart from those over everything and by source, so that all are counted at once.
{{ answered_anew(['role', 'member']) }}

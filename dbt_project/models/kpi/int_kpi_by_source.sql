-- The indicators that are stated anew of the touched periods, by where they come from, from the report's own scans over
-- the schema next. Apart from those over everything and by member, so that all are counted at once.
{{ answered_anew(['source', 'channel']) }}

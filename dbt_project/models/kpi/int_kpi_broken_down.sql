-- The indicators that are stated anew of the touched periods, by each dimension, from the report's own scans over the
-- schema next.
{{ answered_anew(['source', 'channel', 'role', 'member']) }}

-- What checks found and why extracts were refused, beside the English text as a sentence and its values, so that each
-- reader is told it in their language. Nothing of what was written before.

alter table raw.load add column sentence jsonb;
comment on column raw.load.sentence is 'Why the extract was refused: key and values of a sentence (orchestration/sentences.yml); null where only a text is known.';

alter table marts.load_ledger add column sentence jsonb;
comment on column marts.load_ledger.sentence is 'Why the extract was refused, as key and values of a sentence that the screens tell in each language; null for a loaded one, and where only the text in reason is known.';

alter table marts.data_quality add column observed_sentence jsonb;
alter table marts.data_quality add column expected_sentence jsonb;
comment on column marts.data_quality.observed_sentence is 'What was found, as key and values of a sentence that the screens tell in each language; null where only the text in observed is known.';
comment on column marts.data_quality.expected_sentence is 'What was expected, likewise.';

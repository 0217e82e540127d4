-- Whose an e-mail address is, so that a shop's orders find their visitor. Of the address only a keyed hash is kept.
select c.account_id, 'email_sha256' as system, c.email as external_id, c.id as visitor_id,
       c.updated_at at time zone 'UTC' as updated_at
  from contacts c
 where c.email <> ''

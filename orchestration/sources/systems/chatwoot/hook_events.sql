-- A campaign that a visitor answered. How often it was shown, Chatwoot does not keep.
select c.account_id, 'campaign-' || c.id as event_id, k.sender_id as member_id, c.contact_id as visitor_id,
       c.created_at at time zone 'UTC' as occurred_at, 'click' as event_type, 'conversation-' || c.id as hook_id,
       c.id as conversation_id
  from conversations c
  join campaigns k on k.id = c.campaign_id
 where k.sender_id is not null

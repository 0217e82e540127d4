select
    r.brand_id,
    r.notification_id,
    r.run_id,
    r.channel,
    r.sent_at
{{ current_rows('journey_notifications', ['brand_id', 'notification_id']) }}

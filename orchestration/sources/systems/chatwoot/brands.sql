-- An account. It has no zone of its own: that of most of its inboxes is taken. Its hours are those in which any of its
-- inboxes is open; an account of which one inbox keeps no hours is always open.
select a.id as account_id, a.name, z.timezone,
       (array['en', 'ar', 'nl', 'fr', 'de', 'hi', 'it', 'ja', 'ko', 'pt', 'ru', 'zh', 'es', 'ml', 'ca', 'el', 'pt_BR', 'ro',
              'ta', 'fa', 'zh_TW'])[coalesce(a.locale, 0) + 1] as locale,
       h.working_hours::text as working_hours,
       greatest(a.updated_at, z.updated_at, h.updated_at) at time zone 'UTC' as updated_at
  from accounts a
  left join lateral (
       select mode() within group (order by coalesce(i.timezone, 'UTC')) as timezone, max(i.updated_at) as updated_at,
              bool_and(coalesce(i.working_hours_enabled, false)) as keeps_hours
         from inboxes i where i.account_id = a.id) z on true
  left join lateral (
       select json_object_agg(d.day, d.opening) as working_hours, max(d.updated_at) as updated_at
         from (select day, max(hours.updated_at) as updated_at,
                      coalesce((select json_agg(json_build_array(
                                           to_char(make_interval(mins => lower(part)), 'HH24:MI'),
                                           to_char(make_interval(mins => upper(part)), 'HH24:MI')) order by part)
                                  from unnest(range_agg(hours.open)) part where not isempty(part)), '[]') as opening
                 from (select (w.day_of_week + 6) % 7 + 1 as day, w.updated_at,
                              case when w.closed_all_day or w.open_hour is null and not w.open_all_day then 'empty'
                                   when w.open_all_day then int4range(0, 1440)
                                   else int4range(w.open_hour * 60 + coalesce(w.open_minutes, 0),
                                                  greatest(w.close_hour * 60 + coalesce(w.close_minutes, 0),
                                                           w.open_hour * 60 + coalesce(w.open_minutes, 0))) end as open
                         from working_hours w
                         join inboxes i on i.id = w.inbox_id
                        where i.account_id = a.id and i.working_hours_enabled
                          and coalesce(i.timezone, 'UTC') = z.timezone) hours
                group by day) d) h on z.keeps_hours

{#- The first instant that has a local date on a zone's clock: the one place where a local date gets its beginning.

    So the day of a second midnight (the Azores, Havana) keeps both, and a date that the zone skipped is empty. PostgreSQL
    reads an ambiguous midnight as the second one: near a clock change midnight is tried with the offsets before and after
    it, and where the clock jumped over it from another minute, minute by minute (no zone has changed its clock off the
    minute since 2000). Plain Jinja, like lifecycle.sql. -#}
{% macro day_begins(local_date, timezone) -%}
(
    select
        case
            when tried.midnight_before = tried.midnight_after then tried.naive_midnight
            else coalesce(
                (
                    select min(candidate.at)
                    from (values (tried.naive_midnight), (tried.midnight_before), (tried.midnight_after)) as candidate (at)
                    where
                        (candidate.at at time zone {{ timezone }})::date >= {{ local_date }}
                        and ((candidate.at - interval '1 minute') at time zone {{ timezone }})::date < {{ local_date }}
                ),
                (
                    select min(minute.at)
                    from
                        generate_series(
                            tried.naive_midnight - interval '3 hours',
                            tried.naive_midnight + interval '3 hours',
                            interval '1 minute'
                        ) as minute (at)
                    where (minute.at at time zone {{ timezone }})::date >= {{ local_date }}
                )
            )
        end
    from (
        -- The same midnight by the offset of a day before, and of a day after: where they differ, the clock changed.
        select
            naive.midnight as naive_midnight,
            {{ local_date }}::timestamp at time zone 'UTC'
            - (
                ((naive.midnight - interval '30 hours') at time zone {{ timezone }})
                - ((naive.midnight - interval '30 hours') at time zone 'UTC')
            ) as midnight_before,
            {{ local_date }}::timestamp at time zone 'UTC'
            - (
                ((naive.midnight + interval '30 hours') at time zone {{ timezone }})
                - ((naive.midnight + interval '30 hours') at time zone 'UTC')
            ) as midnight_after
        from (select {{ local_date }}::timestamp at time zone {{ timezone }} as midnight) as naive
    ) as tried
)
{%- endmacro %}

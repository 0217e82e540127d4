{#- The rows of a raw dataset that stand: of the versions of a key the newest one (SOURCES, laws 2 and 8).

    `order_by` ranks the versions of one key, ending with the extract day and the content hash, which settle every tie;
    `key` is the primary key. An anti-join rather than DISTINCT ON, so that a reader's condition on any column reaches
    the indexes of raw. A row whose brand is not known yet waits: the join to brands is what takes it up later. -#}
{% macro current_rows(dataset, key, order_by=['extract_day', 'content_hash']) %}
    from {{ source('raw', dataset) }} as r
    where
        exists (select 1 from {{ source('raw', 'brands') }} as b where b.brand_id = r.brand_id)
        and not exists (
            select 1
            from {{ source('raw', dataset) }} as newer
            where
                {% for column in key %}newer.{{ column }} = r.{{ column }}
                and {% endfor %}
                ({% for column in order_by %}newer.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
                > ({% for column in order_by %}r.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
        )
{% endmacro %}

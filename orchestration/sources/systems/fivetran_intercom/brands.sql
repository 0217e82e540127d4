-- The workspace. What it is called and where its day begins, no table says: they are settings.
select 'workspace' as workspace, coalesce(min(a._fivetran_synced::timestamptz), '2000-01-01') as updated_at
  from admin a

{{ config(materialized='table') }}

-- The manifest of the landing: listing names, sizes and times reads no record.
{% if execute %}
    {%- for node in landed_tables() %}
{%- if not loop.first %}
union all
{% endif %}
select
    {{ landed_file_key('metadata') }} as file_key,
    metadata.source_name,
    metadata.file_name,
    metadata.size_bytes,
    metadata.modified_at
from ({{ landed_file_metadata(node) }}) as metadata
{%- endfor %}
{% else %}
select 1 as placeholder
{% endif %}

{{ config(materialized='table') }}

-- The manifest of the landing: listing names, sizes and times reads no record.
{% if execute %}
    {%- for node in landed_tables() %}
{%- if not loop.first %}
union all
{% endif %}
select
    -- What the file's rows depend on: its name, its content, and the settings that staging reads it with.
    {{ row_fingerprint([
        'file_name',
        'size_bytes',
        'modified_at',
        pseudonym_key_check(),
        "'" ~ var("earliest_plausible_date") ~ "'",
    ]) }} as file_key,
    source_name,
    file_name,
    size_bytes,
    modified_at
from ({{ landed_file_metadata(node) }}) as metadata
{%- endfor %}
{% else %}
select 1 as placeholder
{% endif %}

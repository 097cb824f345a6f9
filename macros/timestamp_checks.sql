{#- Not a time at all, or before var earliest_plausible_date. -#}
{% macro is_implausible_timestamp(timestamp_column) -%}
    ({{ timestamp_column }} is null or {{ timestamp_column }} < timestamp '{{ var("earliest_plausible_date") }} 00:00:00')
{%- endmacro %}

{#- A UTC event day after the day that follows the ingest date: clocks may be off by a time zone, not by more. -#}
{% macro is_future_timestamp(timestamp_column, ingest_date_column) -%}
    (cast({{ timestamp_column }} as date) > cast({{ ingest_date_column }} + interval 1 day as date))
{%- endmacro %}

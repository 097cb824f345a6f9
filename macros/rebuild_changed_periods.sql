{#-
    Increments by period (an event day, a month), for facts. `int_event_days` and `int_event_months` hold a version of each
    period: a fingerprint of every record, account and option that the period's rows are made of. A fact keeps the version
    that it was built from. `drop_changed_periods`, the pre-hook, takes out periods whose version is no longer the present
    one (also those that have gone), in the same transaction as the load; `missing_periods_only` limits the build to
    periods that are not there. So an increment equals a full refresh, whatever arrived, in whatever order.
-#}
{% macro drop_changed_periods(versions, period, version_column) %}
    {%- if execute and is_incremental() -%}
        delete from {{ this }}
        where not exists (
            select 1
            from {{ ref(versions) }} as versions
            where
                versions.{{ period }} = {{ this.identifier }}.{{ period }}
                and versions.{{ version_column }} = {{ this.identifier }}.{{ version_column }}
        )
    {%- endif -%}
{% endmacro %}

{#- Called only `if is_incremental()`, as new_files_only. -#}
{% macro missing_periods_only(period, version_column) -%}
    ({{ period }}, {{ version_column }}) not in (select distinct {{ period }}, {{ version_column }} from {{ this }})
{%- endmacro %}

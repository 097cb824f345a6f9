{#-
    Increments by landed file, for the `int_*_checked` models (one row a raw record, with file_name and file_version).

    A file counts as loaded when rows of it are there under its present version. `drop_stale_files`, the pre-hook, takes
    out the rows of files that have changed or gone, in the same transaction as the load; `new_files_only` limits the
    read to files that are not loaded. Together they make an increment equal to a full refresh: the table is a function
    of the landing and nothing else.
-#}
{% macro drop_stale_files() %}
    {%- if execute and is_incremental() -%}
        delete from {{ this }}
        where not exists (
            select 1
            from {{ ref('int_landed_files') }} as landed_files
            where
                landed_files.file_name = {{ this.identifier }}.file_name
                and landed_files.file_version = {{ this.identifier }}.file_version
        )
    {%- endif -%}
{% endmacro %}

{#-
    Called only `if is_incremental()`: the model decides, since inside a macro dbt's unit tests cannot. A literal list, because
    the readers prune files by it before they open them.
-#}
{% macro new_files_only(source_names) %}
    {%- if not execute -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set new_files = run_query(
        "select landed_files.file_name from " ~ ref('int_landed_files') ~ " as landed_files"
        ~ " where landed_files.source_name in ('" ~ source_names | join("', '") ~ "')"
        ~ " and not exists (select 1 from " ~ this ~ " as loaded where loaded.file_name = landed_files.file_name"
        ~ " and loaded.file_version = landed_files.file_version) order by landed_files.file_name"
    ).columns[0].values() -%}
    {{ return("file_name in (" ~ path_list(new_files)[1:-1] ~ ")" if new_files else 'false') }}
{% endmacro %}

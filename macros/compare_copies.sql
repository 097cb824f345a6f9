{#-
    Increments of the `int_*_superseded` models: of several copies of one record (same key, in whatever files) one is kept, the
    others are listed. Only a file that came or went can change that, and only for the keys in it: of files that came, the
    keys are read from them; of files that went, the other copies of their records are listed here, with the file of the
    copy that was kept. So keys are compared again, not history.

    `changed_keys` is a table of this model's own, made by the pre-hook in the model's transaction and dropped after it.

    Where all copies of a key have the same id_partition, `partitions` (a table by file_key and id_partition) says which those of
    the changed keys are, so that storage is pruned by them and the price of a new file does not grow with history.
-#}
{% macro changed_keys() %}
    {{ return(this.incorporate(path={'identifier': this.identifier ~ '__changed_keys'})) }}
{% endmacro %}

{% macro drop_changed_keys(checked, key, partitions=none) %}
    {{ return(adapter.dispatch('drop_changed_keys', 'llm_traffic')(checked, key, partitions)) }}
{% endmacro %}

{% macro duckdb__drop_changed_keys(checked, key, partitions=none) %}
    {%- if execute -%}
        {%- set parts = parts_of(checked) -%}
        {%- if not is_incremental() -%}
            delete from {{ built_parts() }} where model_name = '{{ this.identifier }}'
        {%- else -%}
            create or replace table {{ changed_keys() }} as
            select {{ key }}
            from {{ ref(checked) }}
            where
                {{ missing_parts(parts, 'file_key') }}
                and quarantine_reason is null

            union distinct

            select {{ key }}
            from {{ this }}
            where
                file_key not in (select present.version from ({{ parts }}) as present)
                or kept_file_key not in (select present.version from ({{ parts }}) as present);

            delete from {{ this }} where {{ is_changed_key(checked, key, partitions) }};
            {{ forget_stale_parts(parts) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro account_for_keys(checked) %}
    {{ return(adapter.dispatch('account_for_keys', 'llm_traffic')(checked)) }}
{% endmacro %}

{% macro default__account_for_keys(checked) %}
    {%- if execute -%}
        drop table if exists {{ changed_keys() }};
        {{ account_for_parts(parts_of(checked)) }}
    {%- endif -%}
{% endmacro %}

{#- SQL condition: the key's copies are to be compared again. Called only `if is_incremental()`, as missing_parts. -#}
{% macro is_changed_key(checked, key, partitions=none) -%}
    {{ return(adapter.dispatch('is_changed_key', 'llm_traffic')(checked, key, partitions)) }}
{%- endmacro %}

{% macro duckdb__is_changed_key(checked, key, partitions=none) -%}
    {%- set condition = key ~ ' in (select changed.' ~ key ~ ' from ' ~ changed_keys() ~ ' as changed)' -%}
    {%- if execute and partitions -%}
        {%- set condition = '(' ~ is_changed_partition(checked, partitions) ~ ' and ' ~ condition ~ ')' -%}
    {%- endif -%}
    {{ return(condition) }}
{%- endmacro %}

{#- Those of the usable records in files that came, and of copies whose file, or the file of whose better copy, went. -#}
{% macro is_changed_partition(checked, partitions) -%}
    {%- set parts = parts_of(checked) -%}
    {#- Of a selection that leaves that model out, nobody knows the partitions. -#}
    {%- set unknown -%}
        select came.part
        from ({{ unbuilt_parts(parts) }}) as came
        where came.version not in (select known.version from ({{ parts_of(partitions) }}) as known)
    {%- endset -%}
    {%- if run_query(unknown).rows | length -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set changed -%}
        select file_partitions.id_partition
        from {{ ref(partitions) }} as file_partitions
        where
            file_partitions.file_key in (select unbuilt.version from ({{ unbuilt_parts(parts) }}) as unbuilt)
            and not file_partitions.is_quarantined

        union distinct

        select superseded.id_partition
        from {{ this }} as superseded
        where
            superseded.file_key not in (select present.version from ({{ parts }}) as present)
            or superseded.kept_file_key not in (select present.version from ({{ parts }}) as present)
        order by id_partition
    {%- endset -%}
    {%- set values = run_query(changed).columns[0].values() -%}
    {{ return('id_partition in (' ~ values | join(', ') ~ ')' if values else 'false') }}
{%- endmacro %}

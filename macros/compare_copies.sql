{#-
    Increments of the `int_*_superseded` models: of several copies of one record (same key, in whatever files) one is kept, the
    others are listed. Only a file that came or went can change that, and only for the keys in it: of files that came, the
    keys are read from them; of files that went, the other copies of their records are listed here, with the file of the
    copy that was kept. So keys are compared again, not history.

    `changed_keys` is a table of this model's own, made by the pre-hook in the model's transaction and dropped after it.
-#}
{% macro changed_keys() %}
    {{ return(this.incorporate(path={'identifier': this.identifier ~ '__changed_keys'})) }}
{% endmacro %}

{% macro drop_changed_keys(checked, key) %}
    {{ return(adapter.dispatch('drop_changed_keys', 'llm_traffic')(checked, key)) }}
{% endmacro %}

{% macro default__drop_changed_keys(checked, key) %}
    {%- if execute -%}
        {%- set parts = parts_of(checked) -%}
        {%- if not is_incremental() -%}
            delete from {{ built_parts() }} where model_name = '{{ this.identifier }}'
        {%- else -%}
            create or replace table {{ changed_keys() }} as
            select {{ key }}
            from {{ ref(checked) }}
            where {{ missing_parts(parts, 'file_key') }}

            union distinct

            select {{ key }}
            from {{ this }}
            where
                file_key not in (select present.version from ({{ parts }}) as present)
                or kept_file_key not in (select present.version from ({{ parts }}) as present);

            delete from {{ this }} where {{ key }} in (select changed.{{ key }} from {{ changed_keys() }} as changed);
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
{% macro is_changed_key(key, checked) -%}
    {{ return(adapter.dispatch('is_changed_key', 'llm_traffic')(key, checked)) }}
{%- endmacro %}

{% macro default__is_changed_key(key, checked) -%}
    {{ key }} in (select changed.{{ key }} from {{ changed_keys() }} as changed)
{%- endmacro %}

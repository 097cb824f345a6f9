{#-
    Increments of tables with a row for each account and month. A new file changes few of a month's accounts, so only these
    accounts' rows are built again: those with records in files that came, and those whose copy of a record was replaced by
    one in such a file (int_generations_superseded says which). On top of parts (macros/build_in_parts.sql), which say the
    months.

    That holds while all else that the rows are made of is as it was: its premises, as parts of an account of their own. A
    premise that came is a new file or slug, whose accounts are among the touched; where one went or is another (a file is gone,
    the token basis changed, a slug is another model's), stale parts are built anew whole.
-#}

{#- Premises as parts: the files, the options, and, for tables by model, the model of each slug. -#}
{% macro account_premises(has_models=false) -%}
    {{ parts_of('int_generations_checked') }}
    union all
    select
        'token_basis' as part,
        {{ row_fingerprint([sql_text(var('token_basis'))]) }} as version
    {%- if has_models %}
    union all
    select
        'slug ' || slugs.model_slug as part,
        {{ row_fingerprint(['slugs.model_id']) }} as version
    from {{ ref('dim_model_slugs') }} as slugs
    {%- endif %}
{%- endmacro %}

{#- Under what name the account has a model's premises. -#}
{% macro premises_name() %}
    {{ return(this.identifier ~ '__premises') }}
{% endmacro %}

{#- A table of the model's own, made by the pre-hook in the model's transaction and dropped after it. -#}
{% macro touched_accounts() %}
    {{ return(this.incorporate(path={'identifier': this.identifier ~ '__touched_accounts'})) }}
{% endmacro %}

{% macro do_premises_hold(premises) %}
    {%- if not (has_account() and has_account(premises_name())) -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(run_query(stale_parts(premises, premises_name())).rows | length == 0) }}
{% endmacro %}

{#- Pre-hook, instead of drop_stale_parts: takes out stale parts, of touched accounts only where that will do. -#}
{% macro drop_touched_accounts(parts, column, premises, key=none) %}
    {%- if execute -%}
        {%- if is_incremental() and do_premises_hold(premises) -%}
            {%- set came = unbuilt_parts(premises, premises_name()) -%}
            {%- set files = is_one_of('came.file_key', run_query(came).columns[1].values()) -%}
            create or replace table {{ touched_accounts() }} as
            select came.account_key
            from {{ ref('int_generations_checked') }} as came
            where
                {{ files }}
                and came.quarantine_reason is null

            union distinct

            select came.account_key
            from {{ ref('int_generations_superseded') }} as came
            where {{ files | replace('came.file_key', 'came.kept_file_key') }};
            {%- set stale = run_query(stale_parts(parts)) -%}
            {%- if stale.rows | length %}

            delete from {{ this }}
            where
                {{ is_one_of_parts(column, stale, key, stale_parts(parts)) }}
                and {{ is_touched_account('account_key', premises) }};
            {{ forget_stale_parts(parts) }}
            {%- endif -%}
        {%- else -%}
            delete from {{ built_parts() }} where model_name = '{{ premises_name() }}';
            {{ drop_stale_parts(parts, column, key) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- SQL condition: the account's rows of missing parts are to be built. Called only `if is_incremental()`, as missing_parts. -#}
{% macro is_touched_account(column, premises) -%}
    {%- if execute and do_premises_hold(premises) -%}
        {{ return(column ~ ' in (select touched.account_key from ' ~ touched_accounts() ~ ' as touched)') }}
    {%- endif -%}
    {{ return('true') }}
{%- endmacro %}

{#- Post-hook: months and premises are those of now. -#}
{% macro account_for_touched_accounts(parts, premises) %}
    {%- if execute -%}
        drop table if exists {{ touched_accounts() }};
        {{ account_for_parts(parts) }};
        {{ account_for_parts(premises, premises_name()) }}
    {%- endif -%}
{% endmacro %}

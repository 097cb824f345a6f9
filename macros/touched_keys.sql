{#-
    Increments of tables whose parts are large and whose rows are of an account: a new file changes few rows of a month. So
    only keys (an account, or an account and a model) that it touches are built again: those of records in files that came,
    and of records that a copy in such a file replaced (int_generations_superseded says which). On top of parts
    (macros/build_in_parts.sql), which say the months.

    That holds while all else that the rows are made of is as it was: its premises, as parts of an account of their own. A
    premise that came is a new file or slug, whose keys are among the touched; where one went or is another (a file is gone,
    the token basis changed, a slug is another model's), stale parts are built anew whole.

    Premises have to be of the same time as the parts. So int_event_days notes them with the versions of its days, and they go
    from model to model with what is made of these versions: a selection may leave any of them as it was.
-#}

{#- Premises of event days, as parts: the files and the options. -#}
{% macro record_premises() -%}
    {{ parts_of('int_generations_checked') }}
    union all
    select
        'token_basis' as part,
        {{ row_fingerprint([sql_text(var('token_basis'))]) }} as version
{%- endmacro %}

{#- Post-hook of a model that makes versions of parts of another one's: its premises are those of that one, if it has any. -#}
{% macro pass_on_premises(model_name, has_models=false) %}
    {{ return(adapter.dispatch('pass_on_premises', 'llm_traffic')(model_name, has_models)) }}
{% endmacro %}

{% macro duckdb__pass_on_premises(model_name, has_models=false) %}
    {%- if execute -%}
        delete from {{ built_parts() }} where model_name = '{{ premises_name() }}';
        {{ account_for_parts(premises_of(model_name, has_models), premises_name()) }}
    {%- endif -%}
{% endmacro %}

{#- Premises of another model, if it has any; `has_models`: of what is by model of its slugs, so that the model of each is one, too. -#}
{% macro premises_of(model_name, has_models=false) -%}
    {%- set premises = parts_of(premises_name(model_name)) -%}
    {{ premises }}
    {%- if has_models %}
    union all
    select distinct
        'slug ' || used.model_slug as part,
        {{ row_fingerprint(['slugs.model_id']) }} as version
    from {{ ref(model_name) }} as used
    left join {{ ref('dim_model_slugs') }} as slugs on used.model_slug = slugs.model_slug
    where exists ({{ premises }})
    {%- endif %}
{%- endmacro %}

{#-
    What the versions of event days were made of. Where somebody has built a selection without int_event_days, records and days are of
    different times, and premises are forgotten.
-#}
{% macro event_day_sources() -%}
    {%- for model_name in ['int_generations_checked', 'int_generations_superseded', 'int_generation_file_days'] %}
    select
        '{{ model_name }}' as part,
        {{ row_fingerprint(['count(*)', 'bit_xor(' ~ row_fingerprint(['files.part', 'files.version']) ~ ')']) }} as version
    from ({{ parts_of(model_name) }}) as files

    union all
    {% endfor %}
    select
        'account_country_days' as part,
        {{ row_fingerprint([
            'count(*)', 'bit_xor(' ~ row_fingerprint(['days.event_date', 'days.country_version']) ~ ')',
        ]) }} as version
    from {{ account_country_days() }} as days
{%- endmacro %}

{#- Post-hook of int_event_days. -#}
{% macro account_for_event_days() %}
    {{ return(adapter.dispatch('account_for_event_days', 'llm_traffic')()) }}
{% endmacro %}

{% macro duckdb__account_for_event_days() %}
    {%- if execute -%}
        delete from {{ built_parts() }} where model_name in ('int_event_days', '{{ premises_name() }}');
        {{ account_for_parts(event_day_sources(), 'int_event_days') }};
        {{ account_for_parts(record_premises(), premises_name()) }}
    {%- endif -%}
{% endmacro %}

{#- Whether they were made of all that is there now, and all of that of the same files. -#}
{% macro are_event_days_current() %}
    {%- set behind -%}
        select sources.part
        from ({{ event_day_sources() }}) as sources
        left join {{ built_parts() }} as built
            on
                built.model_name = 'int_event_days'
                and sources.part = built.part
                and sources.version = built.version
        cross join ({{ event_day_sources() }}) as others
        where
            built.part is null
            or (
                sources.part = 'int_generations_checked'
                and others.part <> 'account_country_days'
                and sources.version <> others.version
            )
    {%- endset -%}
    {{ return(run_query(behind).rows | length == 0) }}
{% endmacro %}

{#- Post-hook: premises are those of now. -#}
{% macro account_for_premises(premises) %}
    {%- if are_event_days_current() -%}
        {{ account_for_parts(premises, premises_name()) }}
    {%- else -%}
        delete from {{ built_parts() }} where model_name = '{{ premises_name() }}'
    {%- endif -%}
{% endmacro %}

{#- Under what name the account has a model's premises. -#}
{% macro premises_name(model_name=none) %}
    {{ return((model_name or this.identifier) ~ '__premises') }}
{% endmacro %}

{#- A table of the model's own, made by the pre-hook in the model's transaction and dropped after it. -#}
{% macro touched_keys() %}
    {{ return(this.incorporate(path={'identifier': this.identifier ~ '__touched_keys'})) }}
{% endmacro %}

{% macro do_premises_hold(premises) %}
    {%- if not (has_account() and has_account(premises_name()) and are_event_days_current()) -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(run_query(stale_parts(premises, premises_name())).rows | length == 0) }}
{% endmacro %}

{#-
    Pre-hook, instead of drop_stale_parts: takes out stale parts, of touched keys only where that will do. `touched_by` are the
    columns of a key: account_key, and model_slug or model_id. `is_by_first_month`: rows also say when their account came. That can
    change only where a record came for an earlier month than the last, or replaced another: all keys of such an account are touched.
-#}
{% macro drop_touched_keys(parts, column, touched_by, premises, key=none, is_by_first_month=false) %}
    {{ return(adapter.dispatch('drop_touched_keys', 'llm_traffic')(parts, column, touched_by, premises, key, is_by_first_month)) }}
{% endmacro %}

{% macro duckdb__drop_touched_keys(parts, column, touched_by, premises, key=none, is_by_first_month=false) %}
    {%- if execute -%}
        {%- if is_incremental() and do_premises_hold(premises) -%}
            {%- set came = run_query(unbuilt_parts(premises, premises_name())).columns[1].values() -%}
            create or replace table {{ touched_keys() }} as
            select distinct {{ touched_by | join(', ') }}
            from (
                select
                    account_key,
                    model_slug
                from {{ ref('int_generations_checked') }}
                where
                    {{ is_one_of('file_key', came) }}
                    and quarantine_reason is null

                union all

                select
                    account_key,
                    model_slug
                from {{ ref('int_generations_superseded') }}
                where {{ is_one_of('kept_file_key', came) }}
            ) as records
            {%- if 'model_id' in touched_by %}
            inner join {{ ref('dim_model_slugs') }} as slugs on records.model_slug = slugs.model_slug
            {%- endif %};
            {%- if is_by_first_month and run_query(moved_accounts(came) ~ ' limit 1').rows | length %}

            insert into {{ touched_keys() }}
            select distinct {{ touched_by | join(', ') }}
            from {{ this }}
            where account_key in ({{ moved_accounts(came) }});
            {%- endif %}
            {%- set stale = run_query(stale_parts(parts)) -%}
            {%- if stale.rows | length %}

            delete from {{ this }}
            where
                {{ is_one_of_parts(column, stale, key, stale_parts(parts)) }}
                and {{ is_touched(touched_by, premises) }};
            {{ forget_stale_parts(parts) }}
            {%- endif -%}
        {%- else -%}
            delete from {{ built_parts() }} where model_name = '{{ premises_name() }}';
            {{ drop_stale_parts(parts, column, key) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Query: accounts whose first month on the platform can have changed, of those that the table has. -#}
{% macro moved_accounts(came) %}
                select records.account_key
                from {{ ref('int_generations_checked') }} as records
                where
                    {{ is_one_of('records.file_key', came) }}
                    and records.quarantine_reason is null
                    and records.event_date < (select max(built.month_start) from {{ this }} as built)

                union all

                select copies.account_key
                from {{ ref('int_generations_superseded') }} as copies
                where
                    {{ is_one_of('copies.kept_file_key', came) }}
                    and not {{ is_one_of('copies.file_key', came) }}
{%- endmacro %}

{#- SQL condition: the key's rows of missing parts are to be built. Called only `if is_incremental()`, as missing_parts. -#}
{% macro is_touched(columns, premises) -%}
    {{ return(adapter.dispatch('is_touched', 'llm_traffic')(columns, premises)) }}
{%- endmacro %}

{% macro duckdb__is_touched(columns, premises) -%}
    {%- if not (execute and do_premises_hold(premises)) -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set names = [] -%}
    {%- for column in columns -%}
        {%- do names.append('touched.' ~ column.split('.')[-1]) -%}
    {%- endfor -%}
    {#- A pair by its fingerprint, which is quicker. What is taken out is looked for by the same: two with one are both built again. -#}
    {{ return(
        (columns[0] if columns | length == 1 else row_fingerprint(columns)) ~ ' in (select '
        ~ (names[0] if names | length == 1 else row_fingerprint(names)) ~ ' from ' ~ touched_keys() ~ ' as touched)'
    ) }}
{%- endmacro %}

{#- Post-hook: parts and premises are those of now. -#}
{% macro account_for_touched_keys(parts, premises) %}
    {{ return(adapter.dispatch('account_for_touched_keys', 'llm_traffic')(parts, premises)) }}
{% endmacro %}

{% macro duckdb__account_for_touched_keys(parts, premises) %}
    {%- if execute -%}
        drop table if exists {{ touched_keys() }};
        {{ account_for_parts(parts) }};
        {{ account_for_premises(premises) }}
    {%- endif -%}
{% endmacro %}

{#-
    Increments of int_account_countries, the countries that facts are built with. Where an account's country changes, the event
    days that it has generations on have to be rebuilt. They are noted in intermediate.account_country_days, with a version
    that no day had before; int_event_days makes it part of the day's. The note is written in the transaction that changes the
    countries.

    The country of most new accounts arrives with their first generations, whose days are new anyway: whether the account has
    any is asked of the records, by a hash. Cells are noted of accounts that had a country alone: new accounts
    would be most of what is looked for, and a day that one has got its first country on is built whole.
-#}
{% macro account_country_days() %}
    {{ return(api.Relation.create(database=target.database, schema='intermediate', identifier='account_country_days')) }}
{% endmacro %}

{% macro create_account_country_days() %}
        create table if not exists intermediate.account_country_days (event_date date, country_version bigint);
        create table if not exists intermediate.account_country_cells (
            event_date date, previous_version bigint, usage_cell bigint
        );
{% endmacro %}

{#- Of each day's last change of countries: the version before it, and the cells of usage that the changed accounts have records in. -#}
{% macro account_country_cells() %}
    {{ return(api.Relation.create(database=target.database, schema='intermediate', identifier='account_country_cells')) }}
{% endmacro %}

{#- SQL expression: the grain of fct_usage_daily but for the country, of a record or of a row of it. -#}
{% macro usage_cell(records) -%}
    {{ row_fingerprint([
        records ~ '.event_date',
        records ~ '.model_slug',
        "coalesce(" ~ records ~ ".prompt_language, 'unknown')",
        "coalesce(" ~ records ~ ".finish_reason, 'unknown')",
        "coalesce(" ~ records ~ ".native_finish_reason, 'unknown')",
        records ~ '.is_byok',
    ]) }}
{%- endmacro %}

{#- Accounts whose country is another one than before, and the days and cells they touch: tables of the model's own, dropped after it. -#}
{% macro changed_countries(of='accounts') %}
    {{ return(this.incorporate(path={'identifier': this.identifier ~ '__changed_' ~ of})) }}
{% endmacro %}

{% macro drop_changed_countries() %}
    {{ return(adapter.dispatch('drop_changed_countries', 'llm_traffic')()) }}
{% endmacro %}

{% macro duckdb__drop_changed_countries() %}
    {%- if execute -%}
        {%- if not is_incremental() -%}
            delete from {{ account_country_days() }};
            delete from {{ account_country_cells() }};
            {#- A day that is none: every day gets a version that it had not before. #}
            insert into {{ account_country_days() }}
            values (null, {{ row_fingerprint([sql_text(invocation_id)]) }});
            create or replace table {{ changed_countries() }} (account_key string, had_country boolean)
        {%- else -%}
            create or replace table {{ changed_countries() }} as
            select
                coalesce(present.account_key, built.account_key) as account_key,
                built.account_key is not null as had_country
            from {{ ref('int_accounts') }} as present
            full outer join {{ this }} as built on present.account_key = built.account_key
            where coalesce(present.country_code, 'unknown') <> coalesce(built.country_code, 'unknown');

            delete from {{ this }}
            where account_key in (select changed.account_key from {{ changed_countries() }} as changed)
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- SQL condition: the account's country is to be written again. Called only `if is_incremental()`. -#}
{% macro is_changed_country() -%}
    {{ return(adapter.dispatch('is_changed_country', 'llm_traffic')()) }}
{%- endmacro %}

{% macro duckdb__is_changed_country() -%}
    account_key in (select changed.account_key from {{ changed_countries() }} as changed)
{%- endmacro %}

{% macro account_for_countries() %}
    {{ return(adapter.dispatch('account_for_countries', 'llm_traffic')()) }}
{% endmacro %}

{% macro duckdb__account_for_countries() %}
    {%- set changed_hashes -%}
        select
            {{ row_fingerprint(['changed.account_key']) }} as account_hash,
            changed.had_country
        from {{ changed_countries() }} as changed
    {%- endset -%}
    {%- if execute -%}
            create or replace table {{ changed_countries('days') }} as
            select
                generations.event_date,
                bool_and(changed.had_country) as has_cells
            from {{ ref('int_generations_checked') }} as generations
            inner join ({{ changed_hashes }}) as changed on generations.account_hash = changed.account_hash
            where generations.event_date is not null
            group by generations.event_date;
            create or replace table {{ changed_countries('cells') }} as
            select distinct
                generations.event_date,
                {{ usage_cell('generations') }} as usage_cell
            from {{ ref('int_generations_checked') }} as generations
            where
                generations.event_date in (
                    select touched.event_date from {{ changed_countries('days') }} as touched where touched.has_cells
                )
                and generations.account_hash in (
                    select changed.account_hash from ({{ changed_hashes }}) as changed where changed.had_country
                );
            {{ renew_days(has_cells=true) }};
            drop table {{ changed_countries('cells') }};
            drop table {{ changed_countries() }}
    {%- endif -%}
{% endmacro %}

{#- These days get a version that they had not before; what is noted of them are their cells, and the version before, or nothing. -#}
{% macro renew_days(has_cells=false) %}
    {%- set touched_days = "select touched.event_date from " ~ changed_countries('days') ~ " as touched" %}
            delete from {{ account_country_cells() }} where event_date in ({{ touched_days }});
            {%- if has_cells %}
            insert into {{ account_country_cells() }}
            select
                touched.event_date,
                before.country_version as previous_version,
                touched.usage_cell
            from {{ changed_countries('cells') }} as touched
            left join {{ account_country_days() }} as before on touched.event_date = before.event_date;
            {%- endif %}
            delete from {{ account_country_days() }} where event_date in ({{ touched_days }});
            insert into {{ account_country_days() }}
            select
                touched.event_date,
                {{ row_fingerprint([sql_text(invocation_id), sql_text(this.identifier), 'touched.event_date']) }} as country_version
            from {{ changed_countries('days') }} as touched;
            drop table {{ changed_countries('days') }}
{%- endmacro %}

{#-
    Pre-hook of int_generations_checked: the event days of records that go get a version that they had not before. Their records
    may come back as they were, in the same file; but while they were away, an account of theirs may have moved, and nobody has
    noted that for these days.
-#}
{% macro note_days_of_stale_files(parts) %}
    {%- if execute -%}
        {{ return(adapter.dispatch('note_days_of_stale_files', 'llm_traffic')(parts)) }}
    {%- endif -%}
{% endmacro %}

{% macro duckdb__note_days_of_stale_files(parts) %}
    {%- if not is_incremental() -%}
        delete from {{ account_country_days() }} where event_date is null;
        insert into {{ account_country_days() }}
        values (null, {{ row_fingerprint([sql_text(invocation_id), sql_text(this.identifier)]) }})
    {%- else -%}
        {%- set stale = run_query(stale_parts(parts)) -%}
        {%- if stale.rows | length -%}
            create or replace table {{ changed_countries('days') }} as
            select distinct event_date
            from {{ this }}
            where
                {{ is_one_of('file_key', stale.columns[1].values()) }}
                and event_date is not null;
            {{ renew_days() }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- The version of a day of fct_usage_daily: that of its records, and those of the countries that they are counted by. -#}
{% macro usage_version(record_version, country_version, all_countries_version) -%}
    {{ row_fingerprint([record_version, country_version, all_countries_version]) }}
{%- endmacro %}

{#-
    Increments of fct_usage_daily: where nothing but countries has changed on a day since it was built, its cells that records of
    the changed accounts are in are built again, in all countries; else the whole day. One step back is known: a table that has
    missed a change builds the day whole.
-#}
{% macro moved_days(account) -%}
    select distinct days.event_date
    from {{ ref('int_event_days') }} as days
    inner join {{ account_country_cells() }} as cells on days.event_date = cells.event_date
    inner join {{ built_parts() }} as built
        on
            built.model_name = '{{ account }}'
            and built.part = cast(days.event_date as string)
    cross join (
        select max(country_version) as country_version
        from {{ account_country_days() }}
        where event_date is null
    ) as all_countries
    where built.version = {{ usage_version('days.record_version', 'cells.previous_version', 'all_countries.country_version') }}
    order by days.event_date
{%- endmacro %}

{#- SQL condition: the row of fct_usage_daily, or the record, is of a moved day and of a cell that is not built again. -#}
{% macro is_unmoved_cell(rows, moved) -%}
    (
        {{ is_one_of(rows ~ '.event_date', moved) }}
        and {{ usage_cell(rows) }} not in (select cells.usage_cell from {{ account_country_cells() }} as cells)
    )
{%- endmacro %}

{#- Pre-hook, instead of drop_stale_parts. -#}
{% macro drop_stale_usage(parts) %}
    {{ return(adapter.dispatch('drop_stale_usage', 'llm_traffic')(parts)) }}
{% endmacro %}

{% macro default__drop_stale_usage(parts) %}
    {{ return(drop_stale_parts(parts, 'event_date')) }}
{% endmacro %}

{% macro duckdb__drop_stale_usage(parts) %}
    {%- set moved = moved_usage_days() if is_incremental() else [] -%}
    {%- if moved -%}
        delete from {{ this }} as built
        where
            {{ is_one_of('built.event_date', run_query(stale_parts(parts)).columns[0].values()) }}
            and not {{ is_unmoved_cell('built', moved) }};
        {{ forget_stale_parts(parts) }}
    {%- else -%}
        {{ drop_stale_parts(parts, 'event_date') }}
    {%- endif -%}
{% endmacro %}

{#- SQL condition: the record is of a day that is to be built, and of a cell of it that is. Called only `if is_incremental()`. -#}
{% macro missing_usage(parts, records) -%}
    {{ return(adapter.dispatch('missing_usage', 'llm_traffic')(parts, records)) }}
{%- endmacro %}

{% macro default__missing_usage(parts, records) -%}
    {{ return(missing_parts(parts, records ~ '.event_date')) }}
{%- endmacro %}

{% macro duckdb__missing_usage(parts, records) -%}
    {%- set missing = missing_parts(parts, records ~ '.event_date') -%}
    {%- set moved = moved_usage_days() -%}
    {{ return(missing ~ (' and not ' ~ is_unmoved_cell(records, moved) if moved else '')) }}
{%- endmacro %}

{% macro moved_usage_days() %}
    {%- if not execute or load_relation(account_country_cells()) is none -%}
        {{ return([]) }}
    {%- endif -%}
    {{ return(run_query(moved_days(this.identifier)).columns[0].values()) }}
{% endmacro %}

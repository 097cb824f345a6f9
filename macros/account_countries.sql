{#-
    Increments of int_account_countries, the countries that facts are built with. Where an account's country changes, the event
    days that it has generations on have to be rebuilt. They are noted in intermediate.account_country_days, with a version
    that no day had before; int_event_days makes it part of the day's. The note is written in the transaction that changes the
    countries.

    The country of most new accounts arrives with their first generations, whose days are new anyway: whether the account has
    any is asked of the records, by a hash.
-#}
{% macro account_country_days() %}
    {{ return(api.Relation.create(database=target.database, schema='intermediate', identifier='account_country_days')) }}
{% endmacro %}

{% macro create_account_country_days() %}
        create table if not exists intermediate.account_country_days (event_date date, country_version bigint);
{% endmacro %}

{#- Accounts whose country is another one than before, and the days they touch: tables of the model's own, dropped after it. -#}
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
            {#- A day that is none: every day gets a version that it had not before. #}
            insert into {{ account_country_days() }}
            values (null, {{ row_fingerprint([sql_text(invocation_id)]) }});
            create or replace table {{ changed_countries() }} (account_key string)
        {%- else -%}
            create or replace table {{ changed_countries() }} as
            select coalesce(present.account_key, built.account_key) as account_key
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
    {%- if execute -%}
            create or replace table {{ changed_countries('days') }} as
            select distinct generations.event_date
            from {{ ref('int_generations_checked') }} as generations
            where
                generations.account_hash in (
                    select {{ row_fingerprint(['changed.account_key']) }} from {{ changed_countries() }} as changed
                )
                and generations.event_date is not null;
            delete from {{ account_country_days() }}
            where event_date in (select touched.event_date from {{ changed_countries('days') }} as touched);
            insert into {{ account_country_days() }}
            select
                touched.event_date,
                {{ row_fingerprint([sql_text(invocation_id), 'touched.event_date']) }} as country_version
            from {{ changed_countries('days') }} as touched;
            drop table {{ changed_countries('days') }};
            drop table {{ changed_countries() }}
    {%- endif -%}
{% endmacro %}

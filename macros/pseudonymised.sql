{#-
    Keyed hash of an account id: 128 bits of SHA-256, as the engine's type for such (half as long as text, and quicker to
    compare). The key comes from PSEUDONYM_KEY through a session variable, so that neither the key nor the id is in compiled
    SQL or in a stored view.
    An account without an id stays null.
-#}
{% macro pseudonymised(account_id) -%}
    {{ return(adapter.dispatch('pseudonymised', 'llm_traffic')(account_id)) }}
{%- endmacro %}

{% macro duckdb__pseudonymised(account_id) -%}
    cast(substring(sha256(getvariable('pseudonym_key') || ':' || {{ account_id }}), 1, 32) as uuid)
{%- endmacro %}

{#-
    As text on Spark, which has no type for it. `${env:...}` is read by the driver, or the Thrift server, from its own environment:
    compiled SQL has its name, not its value.
-#}
{% macro spark__pseudonymised(account_id) -%}
    regexp_replace(
        substring(sha2({{ spark__pseudonym_key() }} || ':' || {{ account_id }}, 256), 1, 32),
        '^(.{8})(.{4})(.{4})(.{4})(.{12})$',
        '$1-$2-$3-$4-$5'
    )
{%- endmacro %}

{% macro spark__pseudonym_key() -%}
    {{ return("'${env:PSEUDONYM_KEY}'" if env_var('PSEUDONYM_KEY', '') else "'simulated-data-needs-no-secret'") }}
{%- endmacro %}

{#- A short check value of the key: a changed key makes every landed file count as new. -#}
{% macro pseudonym_key_check() -%}
    {{ return(adapter.dispatch('pseudonym_key_check', 'llm_traffic')()) }}
{%- endmacro %}

{% macro duckdb__pseudonym_key_check() -%}
    substring(sha256(getvariable('pseudonym_key') || ':check'), 1, 8)
{%- endmacro %}

{% macro spark__pseudonym_key_check() -%}
    substring(sha2({{ spark__pseudonym_key() }} || ':check', 256), 1, 8)
{%- endmacro %}

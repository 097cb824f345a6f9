{#-
    What publication goes by: intermediate.unpassed_nodes, kept in the warehouse itself, names every node that has not passed
    since it was last built, and every invocation that has begun and not ended (killed, or still running). Publication wants
    it empty. An artifact of the last command would not do: it may be of a selection, of another warehouse, or of the build
    before the one that was killed.
-#}
{% macro begin_build() %}
    {{ return(adapter.dispatch('begin_build', 'llm_traffic')()) }}
{% endmacro %}

{% macro duckdb__begin_build() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed'] %}
        {{ create_build_account() }}
        insert into intermediate.unpassed_nodes values ('invocation', 'begun and not ended', {{ sql_text(invocation_id) }});
    {%- endif %}
{% endmacro %}

{% macro create_build_account() %}
        create schema if not exists intermediate;
        create table if not exists intermediate.unpassed_nodes (node_id string, status string, invocation_id string);
        {{ create_built_parts() }}
        {{ create_account_country_days() }}
{% endmacro %}

{#- Spark's tables are the published ones (docs/spark.md): only the accounts of what was built are made. -#}
{% macro spark__begin_build() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed'] -%}
        {%- do spark__check_pseudonym_key() -%}
        {%- do run_query("create schema if not exists intermediate") -%}
        {%- do run_query(
            "create table if not exists " ~ built_parts()
            ~ " (part string, version bigint, model_name string) using parquet partitioned by (model_name)"
        ) -%}
        {%- do run_query(
            "create table if not exists " ~ account_country_days()
            ~ " (country_version bigint, event_date date) using parquet partitioned by (event_date)"
        ) -%}
    {%- endif -%}
{% endmacro %}

{#- What is no plain text would be another key inside a literal; what the driver does not have would be the variable's name. -#}
{% macro spark__check_pseudonym_key() %}
    {%- set key = env_var('PSEUDONYM_KEY', '') -%}
    {%- if key and not modules.re.fullmatch('[A-Za-z0-9 +/=_.:@-]+', key) -%}
        {{ exceptions.raise_compiler_error(
            "PSEUDONYM_KEY has characters that Spark would read otherwise than DuckDB. Take letters, digits, blanks and + / = _ . : @ - alone:"
            ~ " openssl rand -hex 32 gives such a key. Another key gives other pseudonyms."
        ) }}
    {%- endif -%}
    {%- if key and run_query("select md5(" ~ spark__pseudonym_key() ~ ")").columns[0].values()[0] != local_md5(key) -%}
        {{ exceptions.raise_compiler_error(
            "Spark's driver, or its Thrift server, does not have this PSEUDONYM_KEY in its environment. Start it with the same key."
        ) }}
    {%- endif -%}
{% endmacro %}

{% macro end_build(results) %}
    {{ return(adapter.dispatch('end_build', 'llm_traffic')(results)) }}
{% endmacro %}

{% macro spark__end_build(results) %}
{% endmacro %}

{% macro duckdb__end_build(results) %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed', 'test'] -%}
        {%- set node_ids = [] -%}
        {%- set unpassed = [] -%}
        {%- set models = [] -%}
        {%- for result in results -%}
            {%- set status = result.status | string -%}
            {%- do node_ids.append(result.node.unique_id) -%}
            {%- if result.node.resource_type == 'model' -%}
                {%- do models.append(result.node.unique_id) -%}
            {%- endif -%}
            {%- if status not in ['success', 'pass', 'no-op'] -%}
                {%- do unpassed.append((result.node.unique_id, status)) -%}
            {%- elif flags.WHICH == 'run' -%}
                {%- do unpassed.append((result.node.unique_id, 'built without its tests')) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set all_models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | list %}
        {{ create_build_account() }}
        delete from intermediate.unpassed_nodes
        where
            list_contains({{ text_list(node_ids) }}, node_id)
            {#- A build of everything makes up for one that was cut off; a selection does not. #}
            or (
                node_id = 'invocation'
                and {{ 'true' if models | length == all_models | length else 'invocation_id = ' ~ sql_text(invocation_id) }}
            );
        {%- for node_id, status in unpassed %}
        insert into intermediate.unpassed_nodes values ({{ sql_text(node_id) }}, {{ sql_text(status) }}, {{ sql_text(invocation_id) }});
        {%- endfor -%}
    {%- endif %}
{% endmacro %}

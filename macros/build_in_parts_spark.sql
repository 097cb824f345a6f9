{#-
    Increments on Spark, where tables of Parquet files have no delete and no transaction: a part is a partition of the table (or
    all of it). What macros/build_in_parts.sql does in one transaction is done here in an order that a kill at any moment leaves
    safe: first the account forgets the parts that are to be built, then their partitions go, then rows are written, and last
    the account says which parts there are. A part that the account does not have is never read as it is: its partition goes
    before it is built.

    A model says `partition_by` for its part's column. Where parts are finer than partitions (a month and a model), all parts of a
    partition are built together.
-#}

{#- All statements of a hook are run here: Spark takes one at a time. -#}
{% macro spark__drop_stale_parts(parts, column, key=none) %}
    {%- if execute -%}
        {%- if not is_incremental() -%}
            {%- do spark__write_account(this.identifier, []) -%}
        {%- elif not has_account() -%}
            {%- do run_query('truncate table ' ~ this) -%}
        {%- else -%}
            {%- set affected = {} -%}
            {%- for part in run_query(stale_parts(parts)).rows -%}
                {%- do affected.update({spark__partition_of(part, column): true}) -%}
            {%- endfor -%}
            {%- for part in run_query(unbuilt_parts(parts)).rows -%}
                {%- do affected.update({spark__partition_of(part, column): true}) -%}
            {%- endfor -%}
            {%- if affected -%}
                {%- set kept = [] -%}
                {%- for part in run_query(
                    "select part, version from " ~ built_parts() ~ " where model_name = '" ~ this.identifier ~ "'"
                ).rows if spark__partition_of(part, column) not in affected -%}
                    {%- do kept.append(part) -%}
                {%- endfor -%}
                {%- do spark__write_account(this.identifier, kept) -%}
                {%- if column is none -%}
                    {%- do run_query('truncate table ' ~ this) -%}
                {%- else -%}
                    {%- for partitions in affected | batch(200) -%}
                        {%- do run_query(
                            'alter table ' ~ this ~ ' drop if exists partition (' ~ column ~ ' = '
                            ~ partitions | join('), partition (' ~ column ~ ' = ') ~ ')'
                        ) -%}
                    {%- endfor -%}
                {%- endif -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Where a part is a date and a key, the whole date is dropped, and so built: of parts that are gone, too. -#}
{% macro spark__missing_rows(parts, column, unbuilt, key) -%}
    {%- if key is none -%}
        {{ return(default__missing_rows(parts, column, unbuilt, key)) }}
    {%- endif -%}
    {%- set dates = {} -%}
    {%- for part in unbuilt.rows -%}
        {%- do dates.update({(part[0] | string).split('|')[0]: true}) -%}
    {%- endfor -%}
    {%- for part in run_query(stale_parts(parts)).rows -%}
        {%- do dates.update({(part[0] | string).split('|')[0]: true}) -%}
    {%- endfor -%}
    {{ return(is_one_of(column, dates.keys() | list)) }}
{%- endmacro %}

{#- The partition of a part (its text and version), as a literal: a file's version, or the date that the text begins with. -#}
{% macro spark__partition_of(part, column) -%}
    {%- if column is none -%}
        {{ return('all') }}
    {%- elif column == 'file_key' -%}
        {{ return(part[1] | string) }}
    {%- elif column == 'id_partition' -%}
        {{ return(part[0] | string) }}
    {%- endif -%}
    {{ return("'" ~ (part[0] | string).split('|')[0] ~ "'") }}
{%- endmacro %}

{#- What the account has of a model becomes these parts. -#}
{% macro spark__write_account(model_name, parts) %}
    {%- if not parts -%}
        {%- do run_query("alter table " ~ built_parts() ~ " drop if exists partition (model_name = '" ~ model_name ~ "')") -%}
    {%- else -%}
        {%- set rows = [] -%}
        {%- for part in parts -%}
            {%- do rows.append('(' ~ sql_text(part[0] | string) ~ ', ' ~ part[1] ~ ", '" ~ model_name ~ "')") -%}
        {%- endfor -%}
        {%- do run_query('insert overwrite table ' ~ built_parts() ~ ' values ' ~ rows | join(', ')) -%}
    {%- endif -%}
{% endmacro %}

{% macro spark__account_for_parts(parts, account=none) %}
    {%- if execute -%}
        {%- do spark__write_account(account or this.identifier, run_query('select part, version from (' ~ parts ~ ') as present').rows) -%}
    {%- endif -%}
{% endmacro %}

{#- Rows of single accounts cannot be taken out of a partition: parts that an account's records touch are built whole. -#}
{% macro spark__drop_touched_keys(parts, column, touched_by, premises, key=none, is_by_first_month=false) %}
    {{ return(spark__drop_stale_parts(parts, column, key)) }}
{% endmacro %}

{#- Without touched keys there are no premises that could be of another time than the days. -#}
{% macro spark__account_for_event_days() %}
{% endmacro %}

{% macro spark__pass_on_premises(model_name, has_models=false) %}
{% endmacro %}

{% macro spark__is_touched(columns, premises) -%}
    {{ return('true') }}
{%- endmacro %}

{% macro spark__account_for_touched_keys(parts, premises) %}
    {{ return(spark__account_for_parts(parts)) }}
{% endmacro %}

{#-
    Copies are compared again by partition of the id, which all copies of a record share: a file that came or went changes the
    version of the partitions that it has ids of. Accounts and labels are few, and compared all together.
-#}
{% macro spark__copy_parts(checked) -%}
    {%- if checked == 'int_generations_checked' -%}
    select
        cast(file_days.id_partition as string) as part,
        {{ row_fingerprint([
            'count(*)',
            'bit_xor(' ~ row_fingerprint(['file_days.file_key', 'file_days.event_date', 'file_days.raw_rows']) ~ ')',
        ]) }} as version
    from {{ ref('int_generation_file_days') }} as file_days
    where not file_days.is_quarantined
    group by file_days.id_partition
    {%- else -%}
    select
        'all files' as part,
        {{ row_fingerprint(['count(*)', 'bit_xor(' ~ row_fingerprint(['upstream.part', 'upstream.version']) ~ ')']) }} as version
    from ({{ parts_of(checked) }}) as upstream
    {%- endif -%}
{%- endmacro %}

{% macro spark__copy_partition(checked) -%}
    {{ return('id_partition' if checked == 'int_generations_checked' else none) }}
{%- endmacro %}

{% macro spark__drop_changed_keys(checked, key, partitions=none) %}
    {{ return(spark__drop_stale_parts(spark__copy_parts(checked), spark__copy_partition(checked))) }}
{% endmacro %}

{% macro spark__is_changed_key(checked, key, partitions=none) -%}
    {{ return(missing_parts(spark__copy_parts(checked), spark__copy_partition(checked))) }}
{%- endmacro %}

{% macro spark__account_for_keys(checked) %}
    {{ return(spark__account_for_parts(spark__copy_parts(checked))) }}
{% endmacro %}

{#-
    Countries: the days that a changed country touches are noted before the table is written. Killed between, the next build
    finds the same changes and notes them anew; the other way round they would be lost.
-#}
{% macro spark__drop_changed_countries() %}
    {%- if execute -%}
        {%- if not is_incremental() -%}
            {%- do run_query('truncate table ' ~ account_country_days()) -%}
            {%- do run_query(
                'insert overwrite table ' ~ account_country_days() ~ ' select ' ~ row_fingerprint([sql_text(invocation_id)])
                ~ ', cast(null as date)'
            ) -%}
        {%- else -%}
            {%- set changed_days -%}
                insert overwrite table {{ account_country_days() }}
                select
                    {{ row_fingerprint([sql_text(invocation_id), 'touched.event_date']) }} as country_version,
                    touched.event_date
                from (
                    select distinct generations.event_date
                    from {{ ref('int_generations_checked') }} as generations
                    where
                        generations.event_date is not null
                        and generations.account_hash in (
                            select {{ row_fingerprint(['coalesce(present.account_key, built.account_key)']) }}
                            from {{ ref('int_accounts') }} as present
                            full outer join {{ this }} as built on present.account_key = built.account_key
                            where coalesce(present.country_code, 'unknown') <> coalesce(built.country_code, 'unknown')
                        )
                ) as touched
            {%- endset -%}
            {%- do run_query(changed_days) -%}
            {%- do run_query('truncate table ' ~ this) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro spark__note_days_of_stale_files(parts) %}
    {%- if not is_incremental() -%}
        {%- do run_query(
            'insert overwrite table ' ~ account_country_days() ~ ' select '
            ~ row_fingerprint([sql_text(invocation_id), sql_text(this.identifier)]) ~ ', cast(null as date)'
        ) -%}
    {%- else -%}
        {%- set stale = run_query(stale_parts(parts)) -%}
        {%- if stale.rows | length -%}
            {%- set touched_days -%}
                insert overwrite table {{ account_country_days() }}
                select
                    {{ row_fingerprint([sql_text(invocation_id), sql_text(this.identifier), 'touched.event_date']) }} as country_version,
                    touched.event_date
                from (
                    select distinct event_date
                    from {{ this }}
                    where
                        {{ is_one_of('file_key', stale.columns[1].values()) }}
                        and event_date is not null
                ) as touched
            {%- endset -%}
            {%- do run_query(touched_days) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro spark__is_changed_country() -%}
    true
{%- endmacro %}

{% macro spark__account_for_countries() %}
{% endmacro %}

{#- Rows of one partition are brought together before they are written, so that it is few files, whatever wrote them. -#}
{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- set partition_by = config.get('partition_by') -%}
    {%- if partition_by is string -%}
        {%- set compiled_code -%}
        select /*+ rebalance({{ partition_by }}) */ *
        from (
        {{ compiled_code }}
        ) as rows_by_partition
        {%- endset -%}
    {%- endif -%}
    {{ return(dbt.spark__create_table_as(temporary, relation, compiled_code, language)) }}
{%- endmacro %}

{#- A model's `partition_by`: the column on Spark, nothing on DuckDB, which warns of what it cannot do. -#}
{% macro spark_partition(column) %}
    {{ return(column if target.type == 'spark' else none) }}
{% endmacro %}

{#-
    How a partitioned model's increments are written on Spark: over what its partitions hold, since a build that was killed may
    have left files in a folder that the catalogue does not know, which nothing else removes.
-#}
{% macro spark_strategy() %}
    {{ return('insert_overwrite' if target.type == 'spark' else 'append') }}
{% endmacro %}

{#-
    Increments. A table that is built in parts (landed files, event days, months) is kept equal to a full refresh by an
    account of what it was built from: intermediate.built_parts says for each model and part which version of the part is in
    the table, and is written in the transaction that writes the table, so that a build that is killed leaves both as they
    were. A version is a fingerprint of all that the part's rows are made of. What is present now is a query of (part,
    version); from it follow the parts to take out (built, but gone or of another version) and the parts to build.

    A model uses three macros: `drop_stale_parts` as pre-hook, `missing_parts` to limit what it reads, `account_for_parts` as
    post-hook. Cost follows what has changed; the table itself is not asked.
-#}

{#- The account. -#}
{% macro built_parts() %}
    {{ return(api.Relation.create(database=target.database, schema='intermediate', identifier='built_parts')) }}
{% endmacro %}

{% macro create_built_parts() %}
        create schema if not exists intermediate;
        create table if not exists intermediate.built_parts (model_name string, part string, version bigint);
{% endmacro %}

{#- Present parts: the landed files of some sources. -#}
{% macro landed_file_parts(source_names) -%}
    select
        landed_files.file_name as part,
        landed_files.file_key as version
    from {{ ref('int_landed_files') }} as landed_files
    where landed_files.source_name in ('{{ source_names | join("', '") }}')
{%- endmacro %}

{#-
    Present parts: those landed files that the staging models of some sources read ({staging model: source}). A view reads the
    files that it was made with, and a selection may leave it as it was: its own account says which these are. What is stale is asked
    of landed_file_parts: rows that are there are those of a file, whether or not the view still lists it.
-#}
{% macro staged_file_parts(staging_models) -%}
    {%- for staging_model, source_name in staging_models.items() -%}
    {{ landed_file_parts([source_name]) }}
        and {{ is_staged('landed_files', staging_model) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#- SQL condition: the staging model reads the landed file, as it is now: columns of a file that has changed may be others. -#}
{% macro is_staged(files, staging_model) -%}
    {{ return(adapter.dispatch('is_staged', 'llm_traffic')(files, staging_model)) }}
{%- endmacro %}

{% macro default__is_staged(files, staging_model) -%}
    ({{ files }}.file_name, {{ files }}.file_key) in (select staged.part, staged.version from ({{ parts_of(staging_model) }}) as staged)
{%- endmacro %}

{#- Ephemeral there: it reads what is landed. -#}
{% macro spark__is_staged(files, staging_model) -%}
    true
{%- endmacro %}

{#- Post-hook of staging views: the account of the files that they read, see duckdb__files_in_manifest; and that there is one. -#}
{% macro account_for_landed_files() %}
    {%- set parts -%}
        select
            'made' as part,
            cast(0 as bigint) as version
        {%- if not execute or load_relation(ref('int_landed_files')) is not none %}
        union all
        {{ landed_file_parts([model.sources[0] | join('.')]) }}
        {%- endif -%}
    {%- endset -%}
    {%- if execute -%}
        {{ forget_stale_parts(parts) }};
        {{ account_for_parts(parts) }}
    {%- endif -%}
{% endmacro %}

{#- Pre-hook: what is read of a view without an account would not be counted as read. Ephemeral staging has none. -#}
{% macro check_staging(staging_models) %}
    {%- if execute -%}
        {%- for staging_model in staging_models if graph.nodes['model.llm_traffic.' ~ staging_model].config.materialized == 'view' -%}
            {%- if not has_account(staging_model) -%}
                {{ exceptions.raise_compiler_error(
                    "The view " ~ staging_model ~ " was made by an earlier version of this project, and does not say which landed files it"
                    ~ " reads. Build it, too: put a + before " ~ this.identifier ~ " in the selection, or build everything."
                ) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#- Present parts: those of another model, which this one is made of. -#}
{% macro parts_of(model_name) -%}
    select
        upstream.part,
        upstream.version
    from {{ built_parts() }} as upstream
    where upstream.model_name = '{{ model_name }}'
{%- endmacro %}

{#-
    Present parts: those of another model, whose versions also say what its rows mean: seeds and tables (relation: its columns that
    this model reads), and options. An edit of another column builds nothing again, one of these all parts.
-#}
{% macro parts_with_meanings(model_name, meanings, options=[]) -%}
    {%- set fingerprints = ['bit_xor(relations.fingerprint)'] -%}
    {%- for option in options -%}
        {%- do fingerprints.append(sql_text(var(option) | string)) -%}
    {%- endfor -%}
    select
        upstream_parts.part,
        {{ row_fingerprint(['upstream_parts.version', 'meanings.fingerprint']) }} as version
    from ({{ parts_of(model_name) }}) as upstream_parts
    cross join (
        select {{ row_fingerprint(fingerprints) }} as fingerprint
        from (
            {%- for relation, columns in meanings.items() %}
            select {{ row_fingerprint([sql_text(relation)] + columns) }} as fingerprint
            from {{ ref(relation) }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as relations
    ) as meanings
{%- endmacro %}

{#- Present parts: the files that the records of all landed tables have been read from. -#}
{% macro checked_file_parts() -%}
    {{ parts_of('int_generations_checked') }}
    union all
    {{ parts_of('int_accounts_checked') }}
    union all
    {{ parts_of('int_classifications_checked') }}
{%- endmacro %}

{#- Present parts: the periods of a model with one row a period and its version; null = a period without rows. -#}
{% macro period_parts(versions, period, version_column) -%}
    select
        cast(periods.{{ period }} as string) as part,
        periods.{{ version_column }} as version
    from {{ ref(versions) }} as periods
    where periods.{{ version_column }} is not null
{%- endmacro %}

{#- Of this model (or of another account of it): (part, version) that are built, but no longer present like that. -#}
{% macro stale_parts(parts, account=none) -%}
    select
        built.part,
        built.version
    from {{ built_parts() }} as built
    where
        built.model_name = '{{ account or this.identifier }}'
        and not exists (
            select 1
            from ({{ parts }}) as present
            where
                present.part = built.part
                and present.version = built.version
        )
{%- endmacro %}

{#- Likewise: (part, version) that are present and not built. -#}
{% macro unbuilt_parts(parts, account=none) -%}
    select
        present.part,
        present.version
    from ({{ parts }}) as present
    where not exists (
        select 1
        from {{ built_parts() }} as built
        where
            built.model_name = '{{ account or this.identifier }}'
            and built.part = present.part
            and built.version = present.version
    )
{%- endmacro %}

{#-
    Pre-hook: takes out the rows of stale parts, found by `column`, which holds the part (a date) or, for files, the version
    (`file_key`); none: the table is one part. Where a part is a date and a key together, its text is `<date>|<key>`, `column` holds the date and `key` names
    the column of the other. Literal lists, since storage is pruned by them. A table that is built anew starts a new account; one
    whose account is lost is emptied, and so built anew, since every part of it counts as missing.
-#}
{% macro drop_stale_parts(parts, column, key=none) %}
    {{ return(adapter.dispatch('drop_stale_parts', 'llm_traffic')(parts, column, key)) }}
{% endmacro %}

{% macro default__drop_stale_parts(parts, column, key=none) %}
    {%- if execute -%}
        {%- if not is_incremental() -%}
            delete from {{ built_parts() }} where model_name = '{{ this.identifier }}'
        {%- elif not has_account() -%}
            delete from {{ this }}
        {%- else -%}
            {%- set stale = run_query(stale_parts(parts)) -%}
            {%- if stale.rows | length -%}
                delete from {{ this }} where {{ is_one_of_parts(column, stale, key, stale_parts(parts)) }};
                {{ forget_stale_parts(parts) }}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Whether the account says anything of this model. -#}
{% macro has_account(account=none) %}
    {%- set name = account or this.identifier -%}
    {%- set entries = run_query("select count(*) from " ~ built_parts() ~ " where model_name = '" ~ name ~ "'") -%}
    {{ return(entries.columns[0].values()[0] > 0) }}
{% endmacro %}

{% macro forget_stale_parts(parts) %}
                delete from {{ built_parts() }}
                where
                    model_name = '{{ this.identifier }}'
                    and (part, version) in (select stale.part, stale.version from ({{ stale_parts(parts) }}) as stale)
{% endmacro %}

{#- Post-hook: what was missing is there now. -#}
{% macro account_for_parts(parts, account=none) %}
    {{ return(adapter.dispatch('account_for_parts', 'llm_traffic')(parts, account)) }}
{% endmacro %}

{% macro default__account_for_parts(parts, account=none) %}
    {%- if execute -%}
        insert into {{ built_parts() }}
        select
            '{{ account or this.identifier }}' as model_name,
            unbuilt.part,
            unbuilt.version
        from ({{ unbuilt_parts(parts, account) }}) as unbuilt
    {%- endif -%}
{% endmacro %}

{#-
    SQL condition: `column` belongs to a part that is still to be built. Called only `if is_incremental()`: the model decides,
    since inside a macro dbt's unit tests cannot. For files the column is `file_name` (what readers prune files by) or
    `file_key`; for periods an expression of a date. Where that is the month or week of a day, `days_of` names the column of the day
    and `period` which of the two: then storage is pruned by days. `key` as for `drop_stale_parts`.
-#}
{% macro missing_parts(parts, column, days_of=none, period=none, key=none) -%}
    {%- if not execute -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set unbuilt = run_query(unbuilt_parts(parts) ~ ' order by part') -%}
    {%- set values = unbuilt.columns[1 if column == 'file_key' else 0].values() -%}
    {%- if values and days_of is not none -%}
        {%- set days = days_of ~ " >= date '" ~ values[0] ~ "' and " ~ days_of ~ " < date '" ~ end_of_period(values[-1], period) ~ "'" -%}
        {#- Of one period these are all days, and none need be asked for its month or week. -#}
        {{ return('(' ~ days ~ (' and ' ~ missing_rows(parts, column, unbuilt, key) if values | length > 1 else '') ~ ')') }}
    {%- endif -%}
    {{ return(missing_rows(parts, column, unbuilt, key)) }}
{%- endmacro %}

{#-
    The end of a model whose first build would write its periods in any order, as they come out of a group or a window: by period, so that
    storage is pruned when one is deleted or read. Increments write few periods, and theirs lie at the end.
-#}
{% macro stored_by(period) -%}
    {{ return(adapter.dispatch('stored_by', 'llm_traffic')(period)) }}
{%- endmacro %}

{#- Where periods are partitions they lie together. -#}
{% macro default__stored_by(period) -%}
{%- endmacro %}

{% macro duckdb__stored_by(period) -%}
    order by {{ period }}
{%- endmacro %}

{#- The first day after a month or week, from its first day. -#}
{% macro end_of_period(start, period) %}
    {%- set first = modules.datetime.date.fromisoformat(start) -%}
    {%- if period == 'week' -%}
        {{ return(first + modules.datetime.timedelta(days=7)) }}
    {%- endif -%}
    {{ return((first + modules.datetime.timedelta(days=31)).replace(day=1)) }}
{% endmacro %}

{#- SQL condition: the rows of parts that are to be built, and whatever else their table lost with them. -#}
{% macro missing_rows(parts, column, unbuilt, key) -%}
    {{ return(adapter.dispatch('missing_rows', 'llm_traffic')(parts, column, unbuilt, key)) }}
{%- endmacro %}

{% macro default__missing_rows(parts, column, unbuilt, key) -%}
    {{ return(is_one_of_parts(column, unbuilt, key, unbuilt_parts(parts))) }}
{%- endmacro %}

{#-
    Membership in parts that a query has found: their versions for `file_key`, else their texts. Of pairs the dates and the
    keys are in literal lists, and the query says which pairs: there may be thousands.
-#}
{% macro is_one_of_parts(column, found, key, parts) -%}
    {%- if column is none -%}
        {{ return('true' if found.rows | length else 'false') }}
    {%- endif -%}
    {%- if key is none -%}
        {{ return(is_one_of(column, found.columns[1 if column == 'file_key' else 0].values())) }}
    {%- endif -%}
    {%- set dates = {} -%}
    {%- set keys = {} -%}
    {%- for part in found.columns[0].values() -%}
        {%- set date, of_date = part.split('|', 1) -%}
        {%- do dates.update({date: "date '" ~ date ~ "'"}) -%}
        {%- do keys.update({of_date: sql_text(of_date)}) -%}
    {%- endfor -%}
    {%- if not dates -%}
        {{ return('false') }}
    {%- endif -%}
    {{ return(
        column ~ ' in (' ~ dates.values() | join(', ') ~ ') and ' ~ key ~ ' in (' ~ keys.values() | join(', ') ~ ')'
        ~ ' and (' ~ column ~ ', ' ~ key ~ ') in ('
        ~ "select cast(split_part(pairs.part, '|', 1) as date), substring(pairs.part, position('|' in pairs.part) + 1)"
        ~ ' from (' ~ parts ~ ') as pairs)'
    ) }}
{%- endmacro %}

{#-
    Membership in a literal list: whole numbers for `file_key` and `id_partition`, texts for `file_name`, dates for anything else. Days without
    a gap are asked for as a range, which costs nothing to compare.
-#}
{% macro is_one_of(column, values) -%}
    {%- if not values -%}
        {{ return('false') }}
    {%- endif -%}
    {%- set literals = [] -%}
    {%- for value in values -%}
        {%- if column.endswith('file_key') or column.endswith('id_partition') -%}
            {%- do literals.append(value | string) -%}
        {%- elif column.split('.')[-1] == 'file_name' -%}
            {%- do literals.append(sql_text(value)) -%}
        {%- else -%}
            {%- do literals.append("date '" ~ value ~ "'") -%}
        {%- endif -%}
    {%- endfor -%}
    {#- By case: two files may have names that differ in nothing else. -#}
    {%- set literals = literals | unique(case_sensitive=true) | sort(case_sensitive=true) | list -%}
    {%- if literals | length > 1 and literals[0].startswith('date ') -%}
        {%- set days = modules.datetime.date.fromisoformat(literals[-1][6:16]) - modules.datetime.date.fromisoformat(literals[0][6:16]) -%}
        {%- if days.days == literals | length - 1 -%}
            {{ return('(' ~ column ~ ' >= ' ~ literals[0] ~ ' and ' ~ column ~ ' <= ' ~ literals[-1] ~ ')') }}
        {%- endif -%}
    {%- endif -%}
    {{ return(column ~ ' in (' ~ literals | join(', ') ~ ')') }}
{%- endmacro %}

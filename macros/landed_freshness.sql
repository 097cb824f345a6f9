{#-
    The query that `dbt source freshness` asks a landed table with (`loaded_at_query`): the latest event time that has arrived.

    Event time, neither the latest `ingest_date=` folder nor a file's modification time: a delivery that has stopped goes on
    bringing late records into new folders for days, a job that sends the same old file every day fills folders too, and a copy
    or a repair (scripts/forget_account.py) makes every file look new. None of these moves the latest event. Times that the
    checks would quarantine do not count: one clock a year ahead would hide an outage for a year.

    Only the files of the last arrival days are read, so that the question costs the same however long the history is. What
    arrived before them cannot be fresher, as long as the sender's clock is right.

    A table without a file is not in use, and passes. A landing without any file is most likely not mounted: everything in it
    is as old as can be.
-#}
{% macro landed_freshness(source_name, table_name) %}
    {%- if not execute -%}
        {{ return('select current_timestamp') }}
    {%- endif -%}
    {{ return(adapter.dispatch('landed_freshness', 'llm_traffic')(source_name, table_name)) }}
{% endmacro %}

{% macro duckdb__landed_freshness(source_name, table_name) %}
    {%- set node = landed_table(source_name, table_name) -%}
    {%- set files = latest_landed_files(landed_files(node), 7) -%}
    {%- if not files -%}
        {%- set others = [] -%}
        {%- for other in landed_tables() -%}
            {%- do others.extend(landed_files(other)) -%}
        {%- endfor -%}
        {{ return('select ' ~ ('current_timestamp' if others else long_ago())) }}
    {%- endif -%}
    {{ return(latest_event_query(node, duckdb__shapes(node, files))) }}
{% endmacro %}

{#- Query: the latest event time of rows of these shapes. -#}
{% macro latest_event_query(node, shapes) %}
    {%- set query %}
    select coalesce(max(event_time), {{ long_ago() }})
    from (
        {%- for shape in shapes %}
        select
            {{ landed_timestamp(node.meta['event_time'], shape.types) }} as event_time,
            coalesce(ingest_date, current_date) as arrived_on
        from {{ shape.rows }} as landed
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as events
    where
        not {{ is_implausible_timestamp('event_time') }}
        and not {{ is_future_timestamp('event_time', 'arrived_on') }}
        and not {{ is_future_timestamp('event_time', 'current_date') }}
    {%- endset -%}
    {{ return(query) }}
{% endmacro %}

{% macro long_ago() -%}
    timestamp '{{ var("earliest_plausible_date") }} 00:00:00'
{%- endmacro %}

{#-
    The files of the last arrival days up to today. Those that lie in no `ingest_date=` folder could be of any day, and those of
    a day that is still to come are somebody's mistake, which must not push the others out: all of them count, too.
-#}
{% macro latest_landed_files(files, days) %}
    {%- set today = modules.datetime.datetime.now(modules.pytz.utc).strftime('%Y-%m-%d') -%}
    {%- set past = {} -%}
    {%- set latest = [] -%}
    {%- for file in files -%}
        {%- set folder = modules.re.search('/ingest_date=([0-9]{4}-[0-9]{2}-[0-9]{2})/', file) -%}
        {%- if folder and folder.group(1) <= today -%}
            {%- do past.setdefault(folder.group(1), []).append(file) -%}
        {%- else -%}
            {%- do latest.append(file) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for day in (past | sort)[-days:] -%}
        {%- do latest.extend(past[day]) -%}
    {%- endfor -%}
    {{ return(latest) }}
{% endmacro %}

{#-
    The landing on Spark (macros/landing.sql has what is asked of it). Listing a folder and reading the columns of a file are
    jobs of the cluster there, so both are written down: a build lists the landing once, into intermediate.landing_listing, and
    asks a file for its columns when it first meets it (intermediate.landed_file_columns). Files are read by path, with options
    in the query, so that nothing depends on a session.
-#}

{#- A backslash would begin an escape. -#}
{% macro spark__sql_text(value) -%}
    {{ return("'" ~ value | replace('\\', '\\\\') | replace("'", "\\'") ~ "'") }}
{%- endmacro %}

{% macro landing_listing(of='landing_listing') %}
    {{ return(api.Relation.create(schema='intermediate', identifier=of)) }}
{% endmacro %}

{#- Where a file lies, from the landing's own path on: what comes before it (`file:`, the working folder) is Spark's. -#}
{% macro spark__landed_file_name(path, node) -%}
    substring({{ path }}, instr({{ path }}, {{ spark__landed_folder(node) }}))
{%- endmacro %}

{% macro spark__landed_folder(node) -%}
    {{ return(sql_text(landing_path().removeprefix('./') ~ '/' ~ node.meta['landing_folder'] ~ '/')) }}
{%- endmacro %}

{#- Query: every file below the landing, as landing_listing has it. Names that begin with `_` or `.` are passed over by Spark. -#}
{% macro spark__landing_query() -%}
    {%- for node in landed_tables() %}
    select
        '{{ node.source_name }}.{{ node.name }}' as source_name,
        {{ spark__landed_file_name('path', node) }} as file_name,
        path,
        length as size_bytes,
        modificationTime as modified_at
    from binaryFile.`{{ landing_path() }}` with (recursiveFileLookup = 'true')
    where instr(path, {{ spark__landed_folder(node) }}) > 0
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro spark__record_landing() %}
    {%- do run_query("create schema if not exists intermediate") -%}
    {%- do run_query(
        "create table if not exists " ~ landing_listing()
        ~ " (source_name string, file_name string, path string, size_bytes bigint, modified_at timestamp) using parquet"
    ) -%}
    {%- do run_query(
        "create table if not exists " ~ landing_listing('landed_file_columns')
        ~ " (path string, size_bytes bigint, modified_at timestamp, file_columns string) using parquet"
    ) -%}
    {%- do run_query("insert overwrite table " ~ landing_listing() ~ spark__landing_query()) -%}
{% endmacro %}

{#- The listing with the columns that are kept of each file: null of one that was not asked yet, or is another since. -#}
{% macro spark__listing_with_columns() -%}
    (
        select
            listing.*,
            known.file_columns
        from {{ landing_listing() }} as listing
        left join {{ landing_listing('landed_file_columns') }} as known
            on
                listing.path = known.path
                and listing.size_bytes = known.size_bytes
                and listing.modified_at = known.modified_at
    )
{%- endmacro %}

{#- For commands that do not list the landing first. Asked of Spark: dbt knows no table that a macro has made. -#}
{% macro spark__record_landing_once() %}
    {%- do run_query("create schema if not exists intermediate") -%}
    {%- if not run_query("show tables in intermediate like 'landing_listing'").rows | length -%}
        {%- do spark__record_landing() -%}
    {%- endif -%}
{% endmacro %}

{% macro spark__listed(node, columns) %}
    {%- do spark__record_landing_once() -%}
    {{ return(run_query(
        "select " ~ columns ~ " from " ~ landing_listing() ~ " where source_name = '" ~ node.source_name ~ "." ~ node.name
        ~ "' order by file_name"
    )) }}
{% endmacro %}

{% macro spark__landed_files(node) %}
    {{ return(spark__listed(node, 'file_name').columns[0].values()) }}
{% endmacro %}

{% macro spark__empty_landed_files(node, files) -%}
    select file_name
    from {{ landing_listing() }}
    where
        source_name = '{{ node.source_name }}.{{ node.name }}'
        and size_bytes = 0
    order by file_name
{%- endmacro %}

{% macro spark__landed_file_metadata(node) -%}
    select
        source_name,
        file_name,
        size_bytes,
        modified_at
    from {{ landing_listing() }}
    where source_name = '{{ node.source_name }}.{{ node.name }}'
{%- endmacro %}

{% macro spark__is_simulated_landing() -%}
    {%- set labels = run_query(
        "select count(*) from binaryFile.`" ~ landing_path() ~ "` with (recursiveFileLookup = 'true', pathGlobFilter = 'SIMULATED.json')"
        ~ " where endswith(path, " ~ sql_text(landing_path().removeprefix('./') ~ '/SIMULATED.json') ~ ")"
    ).columns[0].values()[0] -%}
    {{ return('true' if labels else 'false') }}
{%- endmacro %}

{#- Paths as one: `{a,b}` is either. Their common beginning stands before the brace. -#}
{% macro spark__path_of(paths) -%}
    {%- set common = namespace(beginning=paths[0].rsplit('/', 1)[0] ~ '/') -%}
    {%- for path in paths -%}
        {%- for _ in path.split('/') -%}
            {%- if not path.startswith(common.beginning) -%}
                {%- set common.beginning = common.beginning[:-1].rsplit('/', 1)[0] ~ '/' -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set endings = [] -%}
    {%- for path in paths -%}
        {%- do endings.append(spark__as_literal_path(path[common.beginning | length:])) -%}
    {%- endfor -%}
    {{ return((spark__as_literal_path(common.beginning) ~ '{' ~ endings | join(',') ~ '}') | replace('`', '``')) }}
{%- endmacro %}

{% macro spark__as_literal_path(path) -%}
    {{ return(modules.re.sub('([][*?{},\\\\])', '\\\\\\1', path)) }}
{%- endmacro %}

{#- How files of one landed table are read. A quoted CSV field may hold line breaks, so that such a file is read whole. -#}
{% macro spark__landed_reader(node, paths) -%}
    {%- set format = landing_format(node) -%}
    {%- if format == 'parquet' -%}
        parquet.`{{ spark__path_of(paths) }}`
    {%- elif format == 'csv' -%}
        csv.`{{ spark__path_of(paths) }}` with (header = 'true', quote = '"', escape = '"', multiLine = 'true', enforceSchema = 'false')
    {%- else -%}
        text.`{{ spark__path_of(paths) }}`
    {%- endif -%}
{%- endmacro %}

{#-
    Asks the files that are new for their columns, as lines of `name type`; many in one statement, told apart by columns of
    their own. JSON lines have no columns: every value is read as text.
-#}
{% macro spark__record_columns(node) %}
    {%- set new_files = [] -%}
    {%- if landing_format(node) != 'json' -%}
        {%- set query -%}
            select
                listing.path,
                listing.size_bytes,
                cast(listing.modified_at as string) as modified_at
            from {{ spark__listing_with_columns() }} as listing
            where
                listing.source_name = '{{ node.source_name }}.{{ node.name }}'
                and listing.file_columns is null
            order by listing.path
        {%- endset -%}
        {%- do new_files.extend(run_query(query).rows) -%}
    {%- endif -%}
    {%- for files in new_files | batch(50) -%}
        {%- set relations = [] -%}
        {%- set names = [] -%}
        {%- for file in files -%}
            {%- do relations.append(spark__landed_reader(node, [file[0]]) ~ ' as f' ~ loop.index0) -%}
            {%- do names.append(loop.index0 ~ ' as landed_file__' ~ loop.index0 ~ ', f' ~ loop.index0 ~ '.*') -%}
        {%- endfor -%}
        {%- set columns = [] -%}
        {%- for column in run_query('describe query select ' ~ names | join(', ') ~ ' from ' ~ relations | join(' cross join ')).rows -%}
            {%- if column[0].startswith('landed_file__') -%}
                {%- do columns.append([]) -%}
            {%- else -%}
                {%- do columns[-1].append((column[0] | lower) ~ ' ' ~ column[1]) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set rows = [] -%}
        {%- for file in files -%}
            {%- do rows.append(
                '(' ~ sql_text(file[0]) ~ ', ' ~ file[1] ~ ", cast('" ~ file[2] ~ "' as timestamp), "
                ~ sql_text(columns[loop.index0] | join('\n')) ~ ')'
            ) -%}
        {%- endfor -%}
        {%- do run_query('insert into ' ~ landing_listing('landed_file_columns') ~ ' values ' ~ rows | join(', ')) -%}
    {%- endfor -%}
{% endmacro %}

{% macro spark__missing_landed_columns(node, files, required) -%}
    {%- do spark__record_columns(node) -%}
    with present as (
        {% if landing_format(node) == 'json' %}
        select distinct
            {{ spark__landed_file_name('url_decode(_metadata.file_path)', node) }} as file_name,
            explode(json_object_keys(value)) as column_name
        from {{ spark__landed_reader(node, spark__listed(node, 'path').columns[0].values()) }}
        {% else %}
        select
            listing.file_name,
            explode(regexp_extract_all(listing.file_columns, '(^|\n)([^ \n]+) ', 2)) as column_name
        from {{ spark__listing_with_columns() }} as listing
        {% endif %}
    )

    select
        landed.file_name,
        required.column_name
    from {{ landing_listing() }} as landed
    cross join (values ('{{ required | join("'), ('") }}')) as required (column_name)
    left anti join present
        on
            present.file_name = landed.file_name
            and present.column_name = required.column_name
    where
        landed.source_name = '{{ node.source_name }}.{{ node.name }}'
    {% if landing_format(node) == 'json' %}
        and landed.file_name in (select present.file_name from present)
    {% endif %}
    order by landed.file_name, required.column_name
    limit 1
{%- endmacro %}

{#-
    Staging is ephemeral on Spark: the pseudonym's key is a setting of the session, and a view would store its value. What a
    landed table's rows are read by (`meta.read_by`) has an account of its files, so only those that are not in it are read:
    Spark prunes files by a path that it is given, not by a condition on a name.
-#}
{% macro spark__landed_shapes(source_name, table_name) %}
    {%- set node = landed_table(source_name, table_name) -%}
    {%- set reader = api.Relation.create(schema='intermediate', identifier=node.meta['read_by']) -%}
    {%- set all_of_them = flags.FULL_REFRESH or load_relation(reader) is none or load_relation(built_parts()) is none -%}
    {%- do spark__record_landing_once() -%}
    {%- do spark__record_columns(node) -%}
    {%- set query -%}
        select
            coalesce(listing.file_columns, '') as file_columns,
            listing.path
        from {{ spark__listing_with_columns() }} as listing
        where
            listing.source_name = '{{ source_name }}.{{ table_name }}'
            {%- if not all_of_them %}
            and not exists (
                select 1
                from {{ built_parts() }} as built
                where
                    built.model_name = '{{ node.meta['read_by'] }}'
                    and built.part = listing.file_name
                    and built.version = {{ landed_file_key('listing') }}
            )
            {%- endif %}
        order by listing.path
    {%- endset -%}
    {{ return(spark__shapes(node, run_query(query).rows)) }}
{% endmacro %}

{#- Shapes of files, given as (columns, path): of one shape are those whose columns of the contract have the same types. -#}
{% macro spark__shapes(node, files) %}
    {%- set alike = {} -%}
    {%- for file in files -%}
        {%- set shape = [] -%}
        {#- A CSV file's columns are read in its own order. -#}
        {%- set columns = (file[0] or '').split('\n') -%}
        {%- for column in (columns if landing_format(node) == 'csv' else columns | sort) -%}
            {%- if landing_format(node) == 'csv' or column.split(' ')[0] in node.columns -%}
                {%- do shape.append(column) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do alike.setdefault(shape | join('\n'), []).append(file[1]) -%}
    {%- endfor -%}
    {%- set shapes = [] -%}
    {%- for shape, paths in alike.items() -%}
        {%- set columns = {} -%}
        {%- for column in shape.split('\n') if column -%}
            {%- do columns.update({column.split(' ')[0]: column.split(' ', 1)[1]}) -%}
        {%- endfor -%}
        {%- if landing_format(node) == 'json' -%}
            {%- for name in node.columns -%}
                {%- do columns.update({name: 'string'}) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- set types = {} -%}
        {%- for name, column in node.columns.items() if name in columns and is_natural_type(column.data_type, columns[name]) -%}
            {%- do types.update({name: columns[name] | upper}) -%}
        {%- endfor -%}
        {%- do shapes.append({'files': paths, 'columns': columns, 'types': types}) -%}
    {%- endfor -%}
    {%- if not shapes -%}
        {%- do shapes.append({'files': [], 'columns': {}, 'types': {}}) -%}
    {%- endif -%}
    {%- for shape in shapes -%}
        {%- do shape.update({'rows': '(' ~ spark__landed_rows(node, shape) ~ ')'}) -%}
    {%- endfor -%}
    {{ return(shapes) }}
{% endmacro %}

{#- The rows of files of one shape, on the columns of the contract. -#}
{% macro spark__landed_rows(node, shape) %}
        {%- set format = landing_format(node) %}
        select
            {% if shape.files -%}
            {{ spark__landed_file_name('landed__path', node) }} as file_name,
            landed__row as file_row_number,
            try_cast(nullif(regexp_extract(landed__path, '/ingest_date=([0-9]{4}-[0-9]{2}-[0-9]{2})/', 1), '') as date) as ingest_date,
            {%- else -%}
            cast(null as string) as file_name,
            cast(null as bigint) as file_row_number,
            cast(null as date) as ingest_date,
            {%- endif %}
            {%- for name, column in node.columns.items() %}
            {%- if name not in shape.columns %}
            cast(null as {{ column.data_type }}) as {{ name }},
            {%- elif name in shape.types %}
            {{ name }},
            {%- elif column.data_type == 'timestamp' and shape.columns[name] == 'bigint' %}
            {{ spark__nanoseconds_text(name, 'cast(' ~ name ~ ' as string)') }} as {{ name }},
            {%- else %}
            nullif(trim(both concat(' ', chr(9), chr(10), chr(13)) from cast({{ name }} as string)), '') as {{ name }},
            {%- endif %}
            {%- endfor %}
            {{ spark__raw_record(node, shape) }} as raw_record
        {%- if shape.files %}
        from (
            select
                {%- if format == 'json' %}
                landed__record.*,
                {%- else %}
                *,
                {%- endif %}
                url_decode(replace(landed__uri, '+', '%2B')) as landed__path,
                {%- if format == 'parquet' %}
                landed__place as landed__row
                {%- else %}
                row_number() over (partition by landed__uri order by landed__block, landed__place) as landed__row
                {%- endif %}
            from (
                select
                    {%- if format == 'json' %}
                    from_json(value, '{% for name in node.columns %}{{ name }} string{{ ', ' if not loop.last }}{% endfor %}') as landed__record,
                    {%- else %}
                    *,
                    {%- endif %}
                    _metadata.file_path as landed__uri,
                    _metadata.file_block_start as landed__block,
                    {{ '_metadata.row_index' if format == 'parquet' else 'monotonically_increasing_id()' }} as landed__place
                from {{ spark__landed_reader(node, shape.files) }}
                {{ "where trim(value) <> ''" if format == 'json' }}
            ) as placed
        ) as landed
        {%- else %}
        where false
        {%- endif %}
{% endmacro %}

{#- JSON of the record as it was landed. The optimiser makes it where it is asked for: of quarantined records. -#}
{% macro spark__raw_record(node, shape) -%}
    {%- set fields = [] -%}
    {%- for name, column in node.columns.items() if not column.meta.get('personal') -%}
        {%- set landed_type = shape.columns.get(name, '') -%}
        {%- if not landed_type -%}
            {%- do fields.append("'" ~ name ~ "', cast(null as string)") -%}
        {%- elif column.data_type == 'timestamp' and landed_type == 'bigint' -%}
            {%- do fields.append("'" ~ name ~ "', " ~ spark__nanoseconds_text(name, "concat('\\uE000', " ~ name ~ ", '\\uE000')")) -%}
        {%- elif landed_type == 'timestamp' -%}
            {%- do fields.append("'" ~ name ~ "', cast(" ~ name ~ " as string) || '+00'") -%}
        {%- elif landed_type in ['int', 'bigint', 'smallint', 'tinyint', 'boolean'] or landed_type.endswith(',0)') -%}
            {%- do fields.append("'" ~ name ~ "', " ~ name) -%}
        {%- elif landed_type == 'double' -%}
            {%- do fields.append("'" ~ name ~ "', " ~ spark__number_text(name)) -%}
        {%- elif landed_type == 'float' or landed_type.startswith('decimal') -%}
            {%- do fields.append("'" ~ name ~ "', " ~ spark__number_text('cast(' ~ name ~ ' as double)')) -%}
        {%- else -%}
            {%- do fields.append("'" ~ name ~ "', cast(" ~ name ~ " as string)") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if shape.files -%}
    to_json(named_struct({{ fields | join(', ') }}), map('ignoreNullFields', 'false'))
    {%- else -%}
    cast(null as string)
    {%- endif -%}
{%- endmacro %}

{#- Numbers come as texts between marks, since Spark has a spelling of its own for small ones: the marks go, with the quotes. -#}
{% macro spark__raw_record_text(raw_record) -%}
    replace(replace({{ raw_record }}, '"\uE000', ''), '\uE000"', '')
{%- endmacro %}

{#-
    A time of a Parquet file in nanoseconds, which comes as a whole number (nanosAsLong in profiles.yml), as text. Whole numbers that
    are no nanoseconds since 1973 are `otherwise`: seconds or milliseconds, which no engine takes for a time.
-#}
{% macro spark__nanoseconds_text(column, otherwise) -%}
    case
        when abs({{ column }}) < 100000000000000000 then {{ otherwise }}
        else concat(
            date_format(
                timestamp_seconds(({{ column }} - pmod({{ column }}, 1000000000)) div 1000000000), 'yyyy-MM-dd HH:mm:ss'
            ),
            trim(trailing '.' from trim(
                trailing '0' from concat('.', lpad(cast(pmod({{ column }}, 1000000000) as string), 9, '0'))
            ))
        )
    end
{%- endmacro %}

{#- A double as JSON of DuckDB has it: 9.1E-5 is 0.000091, from 1e-7 down 9.1e-8. What is no finite number is a text. -#}
{% macro spark__number_text(number) -%}
    case
        when isnan({{ number }}) then 'nan'
        when abs({{ number }}) = cast('Infinity' as double) then replace(lower(cast({{ number }} as string)), 'infinity', 'inf')
        else concat(
            '\uE000',
            case
                when cast({{ number }} as string) not like '%E%' then cast({{ number }} as string)
                when abs({{ number }}) < 1e-6 or abs({{ number }}) >= 1e15
                    then lower(replace(cast({{ number }} as string), '.0E', 'E'))
                when abs({{ number }}) < 1
                    then regexp_replace(cast(cast({{ number }} as decimal(38, 22)) as string), '0+$', '')
                else regexp_replace(cast(cast({{ number }} as decimal(38, 12)) as string), '0+$', '0')
            end,
            '\uE000'
        )
    end
{%- endmacro %}

{% macro spark__landed_freshness(source_name, table_name) %}
    {%- do spark__record_landing() -%}
    {%- set node = landed_table(source_name, table_name) -%}
    {%- set latest = latest_landed_files(landed_files(node), 7) -%}
    {%- if not latest -%}
        {%- set all_files = run_query('select count(*) from ' ~ landing_listing()).columns[0].values()[0] -%}
        {{ return('select ' ~ ('current_timestamp' if all_files else long_ago())) }}
    {%- endif -%}
    {%- do spark__record_columns(node) -%}
    {%- set query -%}
        select
            coalesce(listing.file_columns, '') as file_columns,
            listing.path
        from {{ spark__listing_with_columns() }} as listing
        where {{ is_one_of('listing.file_name', latest) }}
    {%- endset -%}
    {{ return(latest_event_query(node, spark__shapes(node, run_query(query).rows))) }}
{% endmacro %}

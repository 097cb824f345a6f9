{#-
    How landed files become relations. The contract of each landed table (folder, columns, types, which are required,
    which are personal) is written once, in the source's YAML; these macros read it from there.

    Differs by engine, hence dispatched: listing files, reading their columns, reading rows.
-#}

{#- The one place where LANDING_PATH is read by dbt. -#}
{% macro landing_path() -%}
    {{ return((env_var('LANDING_PATH', '') or 'data/landing').rstrip('/')) }}
{%- endmacro %}

{#- The landed tables: source nodes that declare a `landing_folder`, in a stable order. -#}
{% macro landed_tables() %}
    {%- set tables = [] -%}
    {%- for node in graph.sources.values() | sort(attribute='unique_id') -%}
        {%- if node.meta.get('landing_folder') -%}
            {%- do tables.append(node) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(tables) }}
{% endmacro %}

{% macro landed_table(source_name, table_name) %}
    {%- for node in landed_tables() -%}
        {%- if node.source_name == source_name and node.name == table_name -%}
            {{ return(node) }}
        {%- endif -%}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error("Source " ~ source_name ~ "." ~ table_name ~ " declares no landing_folder.") }}
{% endmacro %}

{#- `csv` where the source only exists as CSV, else LANDING_FORMAT (parquet by default). -#}
{% macro landing_format(node) %}
    {%- set format = node.meta.get('landing_format') or env_var('LANDING_FORMAT', 'parquet') | lower -%}
    {%- if format not in ['parquet', 'csv', 'json'] -%}
        {{ exceptions.raise_compiler_error(
            "LANDING_FORMAT is '" ~ format ~ "'. Set it to parquet, csv or json (JSON lines)."
        ) }}
    {%- endif -%}
    {{ return(format) }}
{% endmacro %}

{% macro landing_extensions(format) %}
    {{ return({
        'parquet': ['.parquet'],
        'csv': ['.csv', '.csv.gz'],
        'json': ['.json', '.jsonl', '.ndjson', '.json.gz', '.jsonl.gz', '.ndjson.gz'],
    }[format]) }}
{% endmacro %}

{#- Every file below a landed table's folder; names and folders that begin with `_` or `.` are markers, not data. -#}
{% macro landed_files(node) %}
    {{ return(adapter.dispatch('landed_files', 'llm_traffic')(node)) }}
{% endmacro %}

{% macro duckdb__landed_files(node) %}
    {%- set folder = landing_path() ~ '/' ~ node.meta['landing_folder'] -%}
    {#- Level by level: a recursive pattern would pass over folders that are symbolic links. -#}
    {%- set patterns = [] -%}
    {%- for level in ['/*', '/*/*', '/*/*/*', '/*/*/*/*', '/*/*/*/*/*'] -%}
        {%- do patterns.append("select file from glob(" ~ sql_text(as_literal_pattern(folder) ~ level) ~ ")") -%}
    {%- endfor -%}
    {%- set found = run_query(patterns | join(' union ') ~ ' order by file').columns[0].values() -%}
    {#- Some filesystems of buckets list folders, too. -#}
    {%- set folders = {} -%}
    {%- for file in found -%}
        {%- do folders.update({file.rsplit('/', 1)[0]: true}) -%}
    {%- endfor -%}
    {%- set files = [] -%}
    {%- for file in found if file not in folders -%}
        {%- set markers = [] -%}
        {%- for name in file[folder | length + 1:].split('/') if name[:1] in ['_', '.'] -%}
            {%- do markers.append(name) -%}
        {%- endfor -%}
        {%- if not markers -%}
            {%- do files.append(file) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(files) }}
{% endmacro %}

{#- A SQL text literal. -#}
{% macro sql_text(value) -%}
    {{ return(adapter.dispatch('sql_text', 'llm_traffic')(value)) }}
{%- endmacro %}

{% macro default__sql_text(value) -%}
    {{ return("'" ~ value | replace("'", "''") ~ "'") }}
{%- endmacro %}

{#- A path as a pattern that matches itself only: its wildcards are put into brackets. -#}
{% macro as_literal_pattern(path) -%}
    {{ return(modules.re.sub('([*?]|\\[)', '[\\1]', path)) }}
{%- endmacro %}

{#- SQL list literal of texts. -#}
{% macro text_list(values) -%}
    {%- set literals = [] -%}
    {%- for value in values -%}
        {%- do literals.append(sql_text(value)) -%}
    {%- endfor -%}
    {{ return('[' ~ literals | join(', ') ~ ']') }}
{%- endmacro %}

{#- SQL list literal of paths for a reader, which takes them as patterns. -#}
{% macro path_list(files) -%}
    {%- set patterns = [] -%}
    {%- for file in files -%}
        {%- do patterns.append(as_literal_pattern(file)) -%}
    {%- endfor -%}
    {{ return(text_list(patterns)) }}
{%- endmacro %}

{#- The table function over files of one landed table; every row carries `filename` (and Parquet its row number). -#}
{% macro duckdb__landed_reader(node, files) -%}
    {%- set format = landing_format(node) -%}
    {%- if format == 'parquet' -%}
        read_parquet({{ path_list(files) }}, union_by_name = true, filename = true, file_row_number = true, hive_partitioning = false)
    {%- elif format == 'csv' -%}
        read_csv({{ path_list(files) }}, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"', union_by_name = true, filename = true, hive_partitioning = false)
    {%- else -%}
        read_json({{ path_list(files) }}, format = 'newline_delimited', filename = true, hive_partitioning = false, columns = { {%- for name in node.columns %}{{ sql_text(name) }}: 'varchar'{{ ', ' if not loop.last }}{% endfor -%} })
    {%- endif -%}
{%- endmacro %}

{#- {column: type} as the files of one landed table have it, types united over all of them. -#}
{% macro duckdb__landed_columns(node, files) %}
    {%- set columns = {} -%}
    {%- if files -%}
        {%- for row in run_query("describe select * from " ~ duckdb__landed_reader(node, files)) -%}
            {%- do columns.update({row[0] | lower: row[1]}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(columns) }}
{% endmacro %}

{#-
    True where a file's own type already is what the contract says, so that no detour through text is needed. Everything
    else goes through text: a column may be a number in one file and text in the next.
-#}
{% macro is_natural_type(contract_type, landed_type) %}
    {%- set landed = landed_type | upper -%}
    {%- if contract_type == 'timestamp' -%}
        {{ return(landed.startswith('TIMESTAMP')) }}
    {%- elif contract_type in ['bigint', 'double'] -%}
        {{ return(landed.split('(')[0] in [
            'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT',
            'UHUGEINT', 'FLOAT', 'DOUBLE', 'DECIMAL',
        ]) }}
    {%- elif contract_type == 'boolean' -%}
        {{ return(landed == 'BOOLEAN') }}
    {%- endif -%}
    {{ return(false) }}
{% endmacro %}

{#-
    The rows of one landed table: a list of {rows, types}, one for each shape of its files. `rows` is a subquery, one row a raw
    record: file_name, file_row_number, ingest_date (from the `ingest_date=` folder, null for a file that lies in none), every
    column of the contract (null where no file has it; text trimmed, blank text = null; extra columns ignored), and
    raw_record, the same columns as they were landed, without the personal ones: see raw_record_text. `types` has the columns
    that the files already have in a type of the contract's kind; all others are text. Staging casts shape by shape and unites
    afterwards: united before, the numbers of one file would go through text because of another. No file at all = no rows.
-#}
{% macro landed_shapes(source_name, table_name) %}
    {%- set relation = source(source_name, table_name) -%}
    {%- if not execute -%}
        {#- For the graph: which files are read is in the manifest. -#}
        {%- do ref('int_landed_files') -%}
    {%- endif -%}
    {%- if not execute or relation.is_cte -%}
        {#- Parsing, or a unit test that hands over its own rows. -#}
        {{ return([{'rows': relation, 'types': {}}]) }}
    {%- endif -%}
    {{ return(adapter.dispatch('landed_shapes', 'llm_traffic')(source_name, table_name)) }}
{% endmacro %}

{% macro duckdb__landed_shapes(source_name, table_name) %}
    {%- set node = landed_table(source_name, table_name) -%}
    {{ return(duckdb__shapes(node, duckdb__files_in_manifest(node))) }}
{% endmacro %}

{#-
    The files of the last manifest, not of now: what is read is what int_*_checked account for (staged_file_parts). A file that
    comes in between is of the next build; one that goes is an error. Before the first build there is no manifest, and what only
    shows SQL has no need of it.
-#}
{% macro duckdb__files_in_manifest(node) %}
    {%- set manifest = ref('int_landed_files') -%}
    {%- set present = landed_files(node) -%}
    {%- if flags.WHICH in ['compile', 'generate', 'show'] or load_relation(manifest) is none -%}
        {{ return(present) }}
    {%- endif -%}
    {%- set query -%}
        select file_name
        from {{ manifest }}
        where source_name = '{{ node.source_name }}.{{ node.name }}'
        order by file_name
    {%- endset -%}
    {%- set listed = run_query(query).columns[0].values() | list -%}
    {%- for file in listed if file not in present -%}
        {{ exceptions.raise_compiler_error(
            "Landed file " ~ file ~ " is gone since the landing was listed. Select int_landed_files, too, or build everything; if it"
            ~ " should be there, put it back."
        ) }}
    {%- endfor -%}
    {{ return(listed) }}
{% endmacro %}

{#- landed_shapes of some files: a list of {files, columns, types, rows}. -#}
{% macro duckdb__shapes(node, files) %}
    {%- set shapes = [] -%}
    {%- for alike in duckdb__files_of_one_shape(node, files) -%}
        {%- set columns = duckdb__landed_columns(node, alike) -%}
        {%- set types = {} -%}
        {%- for name, column in node.columns.items() if name in columns and is_natural_type(column.data_type, columns[name]) -%}
            {%- do types.update({name: columns[name] | upper}) -%}
        {%- endfor -%}
        {%- do shapes.append({'files': alike, 'columns': columns, 'types': types}) -%}
    {%- endfor -%}
    {%- for shape in shapes -%}
        {%- do shape.update({'rows': '(' ~ duckdb__landed_rows(node, shape, loop.index, shapes) ~ ')'}) -%}
    {%- endfor -%}
    {{ return(shapes) }}
{% endmacro %}

{#-
    Lists of files whose columns of the contract have the same types; one empty list where there is no file. Read together, a
    boolean of one Parquet file and a number of the next would be numbers before anybody could look at the values. Text
    formats have one shape. The last day's file is the first: where one file is left to read, DuckDB (1.5) takes as many threads as
    the first of the list has row groups.
-#}
{% macro duckdb__files_of_one_shape(node, files) %}
    {%- if landing_format(node) != 'parquet' or not files -%}
        {{ return([files]) }}
    {%- endif -%}
    {%- set query -%}
        with shapes as (
            select
                file_name,
                string_agg(lower(name) || ' ' || coalesce(duckdb_type, type, ''), ', ' order by lower(name)) as shape
            from parquet_schema({{ path_list(files) }})
            where list_contains({{ text_list(node.columns) }}, lower(name))
            group by file_name
        )

        select string_agg(file_name, chr(10) order by file_name desc) as file_names
        from shapes
        group by shape
        order by min(file_name)
    {%- endset -%}
    {%- set shapes = [] -%}
    {%- for file_names in run_query(query).columns[0].values() -%}
        {%- do shapes.append(file_names.splitlines()) -%}
    {%- endfor -%}
    {{ return(shapes or [files]) }}
{% endmacro %}

{#-
    raw_record as it travels: the landed values themselves, in a union with a member for each shape of files, which costs
    nothing to pass on. Writing every record as JSON took half of the time of reading; `raw_record_text` writes those that are
    quarantined.
-#}
{% macro duckdb__raw_record(node, shape, number, shapes) -%}
    {%- set names = [] -%}
    {%- for name, column in node.columns.items() if not column.meta.get('personal') -%}
        {%- do names.append(name) -%}
    {%- endfor -%}
    {%- set members = [] -%}
    {%- for other in shapes -%}
        {%- set fields = [] -%}
        {%- for name in names -%}
            {%- do fields.append(adapter.quote(name) ~ ' ' ~ other.columns.get(name, 'varchar')) -%}
        {%- endfor -%}
        {%- do members.append('shape_' ~ loop.index ~ ' struct(' ~ fields | join(', ') ~ ')') -%}
    {%- endfor -%}
    {%- set values = [] -%}
    {%- for name in names -%}
        {%- do values.append(adapter.quote(name) ~ ' := ' ~ (adapter.quote(name) if name in shape.columns else 'null')) -%}
    {%- endfor -%}
    {%- set value = 'union_value(shape_' ~ number ~ ' := struct_pack(' ~ values | join(', ') ~ '))' -%}
    {%- if not shape.files -%}
    cast(null as string)
    {%- elif shapes | length == 1 -%}
    {{ value }}
    {%- else -%}
    cast({{ value }} as union({{ members | join(', ') }}))
    {%- endif -%}
{%- endmacro %}

{#- The text of a raw_record: JSON. Evaluate it for quarantined records only. -#}
{% macro raw_record_text(raw_record) -%}
    {{ return(adapter.dispatch('raw_record_text', 'llm_traffic')(raw_record)) }}
{%- endmacro %}

{#- JSON has no word for what is no finite number: those become texts. The member's name, the outermost key, goes. -#}
{% macro duckdb__raw_record_text(raw_record) -%}
    cast(
        json_extract(
            regexp_replace(
                cast(to_json({{ raw_record }}) as string),
                '([^\\]":)(-?(?:nan|inf|infinity))([,}])',
                '\1"\2"\3',
                'gi'
            ),
            '$.*'
        )[1] as string
    )
{%- endmacro %}

{#-
    A time as text with its zone said: UTC where it has none. Not left to the session's time zone, since DuckDB (1.5) reads
    the values after one with a named zone (America/New_York) in that zone too, until the next that has one.
-#}
{% macro duckdb__with_zone(text) -%}
    case
        when regexp_full_match({{ text }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}') then {{ text }} || ' 00:00:00+00'
        when regexp_full_match({{ text }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}') then {{ text }} || ':00+00'
        when regexp_matches({{ text }}, '(Z| ?[A-Za-z][A-Za-z0-9_/+-]*|[+-][0-9]{2}(:?[0-9]{2}){0,2})$') then {{ text }}
        else {{ text }} || '+00'
    end
{%- endmacro %}

{#- Text without blanks around it; null for blank text. Trimming takes as long as reading: it is done where there is a blank. -#}
{% macro duckdb__without_blanks(text) -%}
    {%- set blanks = "' ' || chr(9) || chr(10) || chr(13)" -%}
    case
        when {{ text }} < '!' or {{ text }}[-1] < '!' then nullif(trim({{ text }}, {{ blanks }}), '')
        else {{ text }}
    end
{%- endmacro %}

{#- The rows of files of one shape, on the columns of the contract. -#}
{% macro duckdb__landed_rows(node, shape, number, shapes) %}
    {%- set files = shape.files -%}
    {%- set expressions = {} -%}
    {%- for name, column in node.columns.items() -%}
        {%- if name not in shape.columns -%}
            {%- do expressions.update({name: 'cast(null as ' ~ column.data_type ~ ')'}) -%}
        {%- elif name in shape.types -%}
            {%- do expressions.update({name: adapter.quote(name)}) -%}
        {%- else -%}
            {%- set value = adapter.quote(name) -%}
            {%- if shape.columns[name] != 'VARCHAR' -%}
                {%- set value = 'cast(' ~ value ~ ' as string)' -%}
            {%- endif -%}
            {%- set text = duckdb__without_blanks(value) -%}
            {%- do expressions.update({name: duckdb__with_zone(text) if column.data_type == 'timestamp' else text}) -%}
        {%- endif -%}
    {%- endfor %}
        select
            {% if files -%}
            filename as file_name,
            {{ 'file_row_number' if landing_format(node) == 'parquet' else 'row_number() over (partition by filename)' }} as file_row_number,
            try_cast(nullif(regexp_extract(filename, '/ingest_date=([0-9]{4}-[0-9]{2}-[0-9]{2})/', 1), '') as date) as ingest_date,
            {%- else -%}
            cast(null as string) as file_name,
            cast(null as bigint) as file_row_number,
            cast(null as date) as ingest_date,
            {%- endif %}
            {%- for name, expression in expressions.items() %}
            {{ expression }} as {{ adapter.quote(name) }},
            {%- endfor %}
            {{ duckdb__raw_record(node, shape, number, shapes) }} as raw_record
        {%- if files %}
        from {{ duckdb__landed_reader(node, files) }}
        {%- else %}
        where false
        {%- endif %}
{% endmacro %}

{#-
    Stops the run before anything is built when the landing cannot be read as the contract says: a file of another
    format, a file outside an `ingest_date=` folder, a file without a required column. Nothing built before is touched.
-#}
{% macro check_landing() %}
    {%- if execute and flags.WHICH in ['build', 'run'] and 'model.llm_traffic.int_landed_files' in selected_resources -%}
        {%- do record_landing() -%}
        {%- do check_landed_files() -%}
    {%- endif -%}
{% endmacro %}

{#- Where listing the landing is dear, its listing is written down once for the whole run. -#}
{% macro record_landing() %}
    {{ return(adapter.dispatch('record_landing', 'llm_traffic')()) }}
{% endmacro %}

{% macro default__record_landing() %}
{% endmacro %}

{% macro check_landed_files() %}
    {%- set all_files = [] -%}
    {%- for node in landed_tables() -%}
        {%- set format = landing_format(node) -%}
        {%- set files = landed_files(node) -%}
        {%- do all_files.extend(files) -%}
        {%- set required = [] -%}
        {%- for name, column in node.columns.items() if column.meta.get('required') -%}
            {%- do required.append(name) -%}
        {%- endfor -%}

        {%- set days = {} -%}
        {%- for file in files -%}
            {%- set known = [] -%}
            {%- for extension in landing_extensions(format) if file.endswith(extension) -%}
                {%- do known.append(extension) -%}
            {%- endfor -%}
            {%- if not known -%}
                {{ exceptions.raise_compiler_error(
                    "Landed file " ~ file ~ " is no " ~ format ~ " file by its name (" ~ landing_extensions(format) | join(', ')
                    ~ "). Move it out of " ~ node.meta['landing_folder'] ~ ", or set LANDING_FORMAT to what the landing holds."
                ) }}
            {%- endif -%}
            {%- if node.meta.get('ingest_date_folder', 'required') == 'required' -%}
                {%- set folder = modules.re.search('/ingest_date=([0-9]{4}-[0-9]{2}-[0-9]{2})/', file) -%}
                {%- if not folder -%}
                    {{ exceptions.raise_compiler_error(
                        "Landed file " ~ file ~ " lies in no ingest_date=YYYY-MM-DD folder. Move it to "
                        ~ node.meta['landing_folder'] ~ "/ingest_date=<the day it arrived>/."
                    ) }}
                {%- endif -%}
                {%- do days.update({folder.group(1): file}) -%}
            {%- endif -%}
        {%- endfor -%}

        {%- if days -%}
            {%- for day in run_query(
                "select day from (values ('" ~ days | join("'), ('") ~ "')) as days (day) where try_cast(day as date) is null order by day"
            ).columns[0].values() -%}
                {{ exceptions.raise_compiler_error(
                    "Landed file " ~ days[day] ~ ": ingest_date=" ~ day ~ " is no calendar date. Rename the folder."
                ) }}
            {%- endfor -%}
        {%- endif -%}

        {%- if files and format != 'json' -%}
            {%- for row in run_query(empty_landed_files(node, files)) -%}
                {{ exceptions.raise_compiler_error(
                    "Landed file " ~ row[0] ~ " has no content, not even column names. Deliver it again, or move it out."
                ) }}
            {%- endfor -%}
        {%- endif -%}

        {%- if files -%}
            {%- for row in run_query(missing_landed_columns(node, files, required)) -%}
                {{ exceptions.raise_compiler_error(
                    "Landed file " ~ row[0] ~ " has no column " ~ row[1] ~ ", which " ~ node.source_name ~ "." ~ node.name
                    ~ " requires. Deliver the file again with it, or move the file out of the landing."
                ) }}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}

    {#- No ref: a hook runs before the graph, and looks at what an earlier build left. -#}
    {%- set manifest = load_relation(
        api.Relation.create(database=target.database, schema='intermediate', identifier='int_landed_files')
    ) -%}
    {%- if not all_files and manifest is not none and not flags.FULL_REFRESH -%}
        {%- set loaded = run_query("select count(*) from " ~ manifest).columns[0].values()[0] -%}
        {%- if loaded -%}
            {{ exceptions.raise_compiler_error(
                "The landing " ~ landing_path() ~ " holds no file, but the warehouse was built from " ~ loaded
                ~ ". Is it mounted? Is LANDING_PATH right? If all records are meant to go, run with --full-refresh."
            ) }}
        {%- endif -%}
    {%- endif -%}

    {%- if all_files and not env_var('PSEUDONYM_KEY', '') and is_simulated_landing() == 'false' -%}
        {{ print(
            "PSEUDONYM_KEY is not set: account ids are hashed with a key that everybody knows. Set a secret of your own."
        ) }}
    {%- endif -%}
{% endmacro %}

{#- Query: (file) of landed files without a single byte. -#}
{% macro empty_landed_files(node, files) -%}
    {{ return(adapter.dispatch('empty_landed_files', 'llm_traffic')(node, files)) }}
{%- endmacro %}

{% macro duckdb__empty_landed_files(node, files) -%}
    select filename from read_blob({{ path_list(files) }}) where size = 0
{%- endmacro %}

{#- Query: (file, required column that it lacks), first file first. A JSON lines file has a column if any of its rows has. -#}
{% macro missing_landed_columns(node, files, required) -%}
    {{ return(adapter.dispatch('missing_landed_columns', 'llm_traffic')(node, files, required)) }}
{%- endmacro %}

{% macro duckdb__missing_landed_columns(node, files, required) -%}
    {%- set format = landing_format(node) -%}
    with present as (
        {% if format == 'parquet' %}
        select
            file_name,
            lower(name) as column_name
        from parquet_schema({{ path_list(files) }})
        {% elif format == 'csv' %}
        {% for file in files %}
        select
            {{ sql_text(file) }} as file_name,
            lower(unnest(list_transform(columns, lambda c: c.name))) as column_name
        from sniff_csv({{ sql_text(as_literal_pattern(file)) }}, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"')
        {{ 'union all' if not loop.last }}
        {% endfor %}
        {% else %}
        select distinct
            filename as file_name,
            unnest(json_keys(json)) as column_name
        from read_json_objects({{ path_list(files) }}, format = 'newline_delimited', filename = true)
        {% endif %}
    )

    select
        landed.file_name,
        required.column_name
    from (select unnest({{ text_list(files) }}) as file_name) as landed
    cross join (select unnest({{ text_list(required) }}) as column_name) as required
    where not exists (
        select 1
        from present
        where
            present.file_name = landed.file_name
            and present.column_name = required.column_name
    )
    {% if format == 'json' %}
    -- An empty JSON lines file has no columns and no rows: nothing is missing.
    and landed.file_name in (select present.file_name from present)
    {% endif %}
    order by landed.file_name, required.column_name
    limit 1
{%- endmacro %}

{#- What a file's rows depend on: its name, its content, and the settings that staging reads it with. -#}
{% macro landed_file_key(files) -%}
    {{ row_fingerprint([
        files ~ '.file_name',
        files ~ '.size_bytes',
        files ~ '.modified_at',
        pseudonym_key_check(),
        "'" ~ var("earliest_plausible_date") ~ "'",
    ]) }}
{%- endmacro %}

{#- One row a landed file of one landed table: source_name, file_name, size_bytes, modified_at. -#}
{% macro landed_file_metadata(node) -%}
    {{ return(adapter.dispatch('landed_file_metadata', 'llm_traffic')(node)) }}
{%- endmacro %}

{% macro duckdb__landed_file_metadata(node) -%}
    {%- set files = landed_files(node) -%}
    select
        {{ sql_text(node.source_name ~ '.' ~ node.name) }} as source_name,
        {% if files -%}
        filename as file_name,
        cast(size as bigint) as size_bytes,
        cast(last_modified as timestamp) as modified_at
    from read_blob({{ path_list(files) }})
        {%- else -%}
        cast(null as string) as file_name,
        cast(null as bigint) as size_bytes,
        cast(null as timestamp) as modified_at
    where false
        {%- endif %}
{%- endmacro %}

{#- `true` where the landing carries the simulator's label, SIMULATED.json: pages made from it have to say so. -#}
{% macro is_simulated_landing() -%}
    {%- if execute -%}
        {{ return(adapter.dispatch('is_simulated_landing', 'llm_traffic')()) }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__is_simulated_landing() -%}
    {%- set labels = run_query(
        "select count(*) from glob(" ~ sql_text(as_literal_pattern(landing_path()) ~ '/SIMULATED.json') ~ ")"
    ).columns[0].values()[0] -%}
    {{ return('true' if labels else 'false') }}
{%- endmacro %}

"""Reads the published marts: the rows of a figure, the records behind them, what the tables and columns mean.

Nothing but the serving file is opened, read-only and attached to a database in memory, so that no build is shut out
and nothing is written.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from scripts.report.definitions import Beside, Cells, Figure

Row = dict[str, Any]

# All traffic by day (`usage`), the classified sample by day (`sample`), and the same by account, under the same
# column names, so that a figure's condition can be asked of both. By account a row is a week, so what is true of only
# a part of the week's days (free access, reasoning, the study window) is null there: such rows are in no cell, and a
# cell has rather too few accounts than too many.
RELATIONS = """
create temp view usage as
select usage.*, models.author_slug, languages.language_name
from published.marts.sem_usage_daily as usage
inner join published.marts.dim_models as models on usage.model_id = models.model_id
inner join published.marts.dim_languages as languages on usage.language_code = languages.language_code;

create temp view sample as
select sample.*, models.author_slug
from published.marts.sem_tag_usage_daily as sample
inner join published.marts.dim_models as models on sample.model_id = models.model_id;

-- Every request of the sample twice: in its category and in `all`.
create temp view sample_and_all as
select * from sample
union all
select * replace ('all' as category) from sample;

create temp view study_window as
select min(event_date) as first_date, max(event_date) as last_date
from published.marts.sem_usage_daily
where is_in_study_window;
"""

ACCOUNT_RELATIONS = """
create temp table loaded as
select
    bool_or(is_priced and is_free_access) as keeps_free_access,
    min(event_date) filter (where is_in_study_window) as window_first,
    max(event_date) filter (where is_in_study_window) as window_last
from published.marts.sem_usage_daily;

create temp table account_usage as
with weeks as (
    select
        facts.*,
        slugs.model_id,
        slugs.model_variant,
        facts.week_start + 6 as week_end,
        coalesce(countries.country_code, 'unknown') as country
    from published.marts.fct_account_usage_weeks as facts
    inner join published.marts.dim_model_slugs as slugs on facts.model_slug = slugs.model_slug
    left join published.marts.dim_account_countries as countries on facts.account_key = countries.account_key
),
-- Of each model and week: whether all its days are free access (true), or some (null).
free_weeks as (
    select
        model_weeks.model_id,
        model_weeks.week_start,
        case
            when bool_or(
                model_weeks.week_start >= periods.starts_on
                and model_weeks.week_end <= coalesce(periods.ends_on, model_weeks.week_end)
            ) then true
        end as is_free_access
    from (select distinct model_id, week_start, week_end from weeks) as model_weeks
    inner join published.reference.free_access_periods as periods
        on
            model_weeks.model_id = periods.model_id
            and model_weeks.week_end >= periods.starts_on
            and model_weeks.week_start <= coalesce(periods.ends_on, model_weeks.week_start)
    group by model_weeks.model_id, model_weeks.week_start
),
flagged as (
    select
        weeks.*,
        models.author_slug,
        models.source_type,
        models.source_type in ('chinese_oss', 'row_oss') as is_open_source,
        models.size_bucket,
        case
            when
                not models.is_reasoning
                or weeks.model_variant <> coalesce(models.reasoning_variant, weeks.model_variant)
                then false
            when weeks.week_start >= coalesce(models.reasoning_from, weeks.week_start) then true
            when weeks.week_end < models.reasoning_from then false
        end as is_reasoning_model,
        case
            when weeks.model_variant = 'free' then true
            when free_weeks.model_id is null then false
            else free_weeks.is_free_access
        end as is_free_access
    from weeks
    inner join published.marts.dim_models as models on weeks.model_id = models.model_id
    left join free_weeks on weeks.model_id = free_weeks.model_id and weeks.week_start = free_weeks.week_start
)
select
    flagged.week_start,
    flagged.account_key,
    flagged.model_id,
    flagged.author_slug,
    flagged.source_type,
    flagged.is_open_source,
    flagged.size_bucket,
    flagged.is_reasoning_model,
    flagged.is_free_access,
    not flagged.is_byok and (loaded.keeps_free_access or not flagged.is_free_access) as is_priced,
    case when flagged.week_start >= loaded.window_first and flagged.week_end <= loaded.window_last then true end
        as is_in_study_window,
    coalesce(regions.region, 'unknown') as region,
    coalesce(languages.language_name, 'unknown') as language_name,
    case when flagged.finish_reason <> 'unknown' then flagged.finish_reason else reasons.finish_reason end
    = 'tool_calls' as is_tool_call,
    flagged.generations,
    flagged.zero_token_generations,
    flagged.total_tokens,
    flagged.spend_usd
from flagged
cross join loaded
left join published.reference.finish_reasons as reasons on flagged.native_finish_reason = reasons.native_finish_reason
left join published.marts.dim_countries as regions on flagged.country = regions.country_code
left join published.reference.language_aliases as aliases on flagged.prompt_language = aliases.alias
left join published.marts.dim_languages as languages
    on coalesce(aliases.language_code, flagged.prompt_language) = languages.language_code;

create temp table account_sample as
select
    cast(date_trunc('week', facts.event_date) as date) as week_start,
    facts.account_key,
    slugs.model_id,
    models.author_slug,
    models.source_type,
    models.source_type in ('chinese_oss', 'row_oss') as is_open_source,
    paths.category,
    case when paths.category = 'others' then 'others' else paths.tag end as tag,
    true as counts_for_tag,
    models.author_slug in (
        select dim_models.author_slug
        from published.marts.sem_tag_usage_daily as omitted
        inner join published.marts.dim_models as dim_models on omitted.model_id = dim_models.model_id
        where omitted.is_omitted_author
    ) as is_omitted_author,
    not facts.is_byok
    and (
        loaded.keeps_free_access
        or not (
            slugs.model_variant = 'free'
            or exists (
                select 1
                from published.reference.free_access_periods as periods
                where
                    periods.model_id = slugs.model_id
                    and facts.event_date between periods.starts_on and coalesce(periods.ends_on, facts.event_date)
            )
        )
    ) as is_priced,
    facts.event_date between loaded.window_first and loaded.window_last as is_in_study_window,
    facts.sampled_generations,
    facts.zero_token_generations,
    facts.sampled_tokens as total_tokens
from published.marts.fct_account_tag_usage_daily as facts
cross join loaded
inner join published.marts.dim_model_slugs as slugs on facts.model_slug = slugs.model_slug
inner join published.marts.dim_models as models on slugs.model_id = models.model_id
inner join published.marts.dim_category_paths as paths on facts.category_path = paths.path
where facts.event_date >= (select min(event_date) from published.marts.sem_tag_usage_daily);

create temp view account_sample_and_all as
select * from account_sample
union all
select * replace ('all' as category) from account_sample;
"""


@dataclass
class Frame:
    """The rows of a figure as they are shown."""

    columns: list[str]
    keys: list[str]
    """Columns that tell rows apart; the others are numbers and what they say."""
    rows: list[Row]
    hidden: set[int] = field(default_factory=set)
    """Numbers of the rows that the publishing gate suppresses: their keys are shown, nothing else."""
    dominated: set[int] = field(default_factory=set)
    """Numbers of the rows of which one account has more than half."""

    def shown(self) -> list[Row]:
        """The rows that are not suppressed."""
        return [row for number, row in enumerate(self.rows) if number not in self.hidden]

    def suppressed(self) -> list[Row]:
        """The rows that are."""
        return [row for number, row in enumerate(self.rows) if number in self.hidden]

    def public_rows(self, gate: bool) -> list[Row]:
        """Rows as they go out: suppressed numbers are null; under the gate a column says what happened to the row."""
        rows = []
        # Suppressed rows go last: among the others their place would tell how large they are.
        for number in sorted(range(len(self.rows)), key=lambda number: number in self.hidden):
            row, hidden = self.rows[number], number in self.hidden
            public = {name: None if hidden and name not in self.keys else row[name] for name in self.columns}
            if gate:
                public["suppressed"] = hidden
                public["over_half_from_one_account"] = None if hidden else number in self.dominated
            rows.append(public)
        return rows


@dataclass(frozen=True)
class Behind:
    """The records that a row is made of."""

    generations: float
    accounts: int
    top_account_share: float
    """Largest account's part of the row's tokens."""


class NoAccountFacts(Exception):
    """The facts by account, which the publishing gate asks, were not built; the message says what to do."""


class Marts:
    """The published marts.

    Args:
        path: the serving file.

    Raises:
        FileNotFoundError: there is none.
    """

    def __init__(self, path: Path):
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there: `make build` makes it, PUBLISHED_PATH says where it is")
        self.connection = duckdb.connect()
        self.connection.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as published (read_only)")
        self.connection.execute("set timezone = 'UTC'")
        self.connection.execute(RELATIONS)
        # Conditions of figures.yml name marts as everybody does, `marts.<name>`.
        self.connection.execute("set search_path = 'published.marts,memory.main'")
        self._has_accounts = False

    def rows(self, sql: str) -> list[Row]:
        """Rows of a query as dictionaries."""
        result = self.connection.execute(sql)
        names = [column[0] for column in result.description]
        return [dict(zip(names, values, strict=True)) for values in result.fetchall()]

    def figure(self, figure: Figure) -> Frame:
        """The rows of a figure's mart, in its order."""
        rows = self.rows(
            f"select {', '.join(figure.columns)} from published.marts.{figure.mart}"
            f" where {figure.where} order by {figure.order}"
        )
        return Frame(columns=figure.columns, keys=figure_keys(figure), rows=rows)

    def beside(self, beside: Beside) -> list[Row]:
        """The rows of a table that sums a figure up."""
        sql = f"select {', '.join(beside.columns)} from published.marts.{beside.mart} where {beside.where}"
        if beside.last:
            return self.rows(f"{sql} and is_complete_week order by {beside.last} desc limit 8")
        return self.rows(f"{sql} order by {beside.order}")

    def records(self, figure: Figure) -> int | None:
        """Generations that a figure is made of; for cohorts the accounts; None where it is made of no records."""
        cells = figure.cells
        if cells.source == "none":
            return None
        if cells.source == "cohorts":
            sql = (
                f"select sum(cohort_size) as records from published.marts.{figure.mart}"
                f" where {figure.where} and months_since = 0"
            )
        else:
            sql = (
                f"select sum({_count(cells)}) as records from {cells.source} where ({cells.where}) and ({cells.shown})"
            )
        return round(self.rows(sql)[0]["records"] or 0)

    def behind(self, figure: Figure, keys: list[str]) -> dict[tuple, Behind]:
        """For each combination of some of a figure's keys: what it is made of. What is made of no record is left
        out."""
        cells = figure.cells
        if cells.source == "none":
            return {}
        if cells.source == "cohorts":
            # An account that did not come back is no part of the number, so the active ones count; a generation is
            # not asked for.
            rows = self.rows(
                f"select {', '.join(keys)}, active_accounts as accounts, null as generations, 0 as top_account_share"
                f" from published.marts.{figure.mart} where {figure.where} and active_accounts > 0"
            )
        else:
            self.load_accounts()
            expressions = ", ".join(f"{cells.keys[name]} as {name}" for name in keys)
            rows = self.rows(
                f"""
                with accounts as (
                    select {expressions}, account_key,
                           sum({_count(cells)}) as generations, sum(total_tokens) as total_tokens
                    from account_{cells.source} where {cells.where} group by all having sum({_count(cells)}) > 0
                )
                select {", ".join(keys)}, sum(generations) as generations, count(*) as accounts,
                       max(total_tokens) / nullif(sum(total_tokens), 0) as top_account_share
                from accounts group by {", ".join(keys)}
                """
            )
        return {
            tuple(row[key] for key in keys): Behind(
                generations=float("inf") if row["generations"] is None else float(row["generations"]),
                accounts=row["accounts"],
                top_account_share=float(row["top_account_share"] or 0),
            )
            for row in rows
        }

    def comments(self, mart: str) -> tuple[str, dict[str, str]]:
        """What a table and its columns mean: the descriptions that dbt wrote to the warehouse."""
        (table,) = self.rows(
            f"select comment from duckdb_tables() where database_name = 'published' and table_name = '{mart}'"
        ) or [{"comment": None}]
        columns = self.rows(
            "select column_name, comment from duckdb_columns()"
            f" where database_name = 'published' and table_name = '{mart}'"
        )
        return (table["comment"] or "").strip(), {row["column_name"]: (row["comment"] or "").strip() for row in columns}

    def window(self) -> tuple[datetime.date | None, datetime.date | None]:
        """First and last event day that is loaded inside the study window."""
        (row,) = self.rows("select first_date, last_date from study_window")
        return row["first_date"], row["last_date"]

    def load_accounts(self) -> None:
        """Make the relations by account ready.

        Raises:
            NoAccountFacts: the warehouse was built without them.
        """
        if not self._has_accounts:
            try:
                self.connection.execute(ACCOUNT_RELATIONS)
            except duckdb.CatalogException as error:
                raise NoAccountFacts(
                    "the warehouse was built with var publishing_facts false, so nobody can say how many accounts are"
                    " behind a number: build it with the var true to publish"
                ) from error
            self._has_accounts = True


def figure_keys(figure: Figure) -> list[str]:
    """Columns that tell a figure's rows apart and give nothing away: keys, names, places in an order, calendar
    facts."""
    public = {*figure.cells.keys, "is_complete_week", "author_name", "window_rank", "panel"}
    return [name for name in figure.columns if name in public]


def _count(cells: Cells) -> str:
    return cells.count or ("sampled_generations" if cells.source.startswith("sample") else "generations")

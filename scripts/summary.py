"""Say what is in the published warehouse: what was built, what became of the records, three results, where to look."""

from __future__ import annotations

import argparse
import sys

import duckdb

from scripts import _paths


def summarise(connection: duckdb.DuckDBPyConnection) -> str:
    """Text of the summary.

    Args:
        connection: an open connection to the serving file.
    """
    tables = dict(
        connection.execute(
            "select schema_name, count(*) from duckdb_tables() where schema_name in ('marts', 'reference') group by all"
        ).fetchall()
    )
    (simulated, files, raw, accepted, duplicates, quarantined, generations, tokens, first, last) = connection.execute(
        """
        select is_simulated, landed_files, raw_rows, accepted_rows, duplicate_rows, quarantined_rows,
               generations, total_tokens, first_event_date, last_event_date
        from marts.rpt_load_summary
        """
    ).fetchone()
    lines = [
        f"Built: {tables.get('marts', 0)} marts and {tables.get('reference', 0)} reference tables"
        + (", from SIMULATED data" if simulated else ""),
        f"Records in: {raw:,} from {files:,} files = {accepted:,} accepted + {duplicates:,} duplicate"
        f" + {quarantined:,} quarantined",
    ]
    if generations:
        lines += [f"Counted: {generations:,} generations, {tokens:,} tokens, {first} to {last} (UTC)", ""]
        lines += _results(connection)
    else:
        lines += ["Counted: nothing. Every mart is there with its columns and no rows."]
    unknown = connection.execute(
        "select count(*) from marts.rpt_taxonomy_coverage where seed_name <> 'tag_rules'"
    ).fetchone()[0]
    lines += [
        "",
        f"Values that no seed knows: {unknown:,} (select * from marts.rpt_taxonomy_coverage)",
        f"Look at it: {_paths.published_path()}, a DuckDB file, schemas `marts` and `reference`; README.md says how.",
        "Every figure of the study as a page: make report",
    ]
    return "\n".join(lines)


def _results(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Three rows worth a look: who is used last week, who leads the open models, what could not be placed."""
    lines = []
    week = connection.execute("select max(week_start) from marts.dim_weeks where is_complete_week").fetchone()[0]
    if week is not None:
        shares = connection.execute(
            """
            select source_type, token_share
            from marts.rpt_source_type_weekly
            where week_start = ? and token_share is not null
            order by token_share desc
            """,
            [week],
        ).fetchall()
        lines.append(f"  Figure 1, week of {week}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares))
    authors = connection.execute(
        "select author_name, share_of_oss from marts.rpt_oss_authors order by token_rank limit 3"
    ).fetchall()
    if authors:
        lines.append("  Table 1, open-weight tokens: " + ", ".join(f"{name} {share:.1%}" for name, share in authors))
    else:
        lines.append("  Table 1: no open-weight tokens inside the study window (vars study_start, study_end)")
    models = connection.execute(
        """
        select top_model_id, top_model_share, effective_models
        from marts.rpt_oss_concentration_weekly
        where top_model_share is not null
        order by is_complete_week desc, week_start desc
        limit 1
        """
    ).fetchone()
    if models:
        lines.append(
            f"  Figure 3: largest open model {models[0]} with {models[1]:.1%}, {models[2]:.1f} effective open models"
        )
    return lines


def main() -> int:
    """Command line: prints the summary of the serving file."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with duckdb.connect(str(_paths.published_path()), read_only=True) as connection:
        print(summarise(connection))
    return 0


if __name__ == "__main__":
    sys.exit(main())

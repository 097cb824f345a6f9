"""How long it takes, how much of that is the database, and next to what: see BENCHMARKS.md."""

"""From a department's extract to validated Parquet, quarantine and a manifest. Knows contracts and files; nothing of dbt, Dagster or marts."""

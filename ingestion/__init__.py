"""From a department's extract to validated Parquet, quarantine and manifest. Nothing of dbt, Dagster or marts."""

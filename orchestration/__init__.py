"""Orchestration: Dagster's assets, checks, jobs, schedules and sensors. Thin: it calls, it does not compute.

Nothing is imported here, so that dbt's process (``dbt_process``) starts without Dagster.
"""

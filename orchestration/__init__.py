"""Dagster: assets, checks, jobs, schedules, sensors. It calls and does not compute; the only room that knows Dagster."""

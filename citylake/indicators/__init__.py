"""Indicators: registry, evaluation, vintages and targets. Definitions live in the dbt project's semantic layer."""

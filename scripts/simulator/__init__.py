"""Calibrated simulator of raw LLM-gateway records.

Modules: `catalogue` reads the seeds, `calibration` reads what the traffic is fitted to, `targets` fits the weekly
token volumes, `accounts` keeps the population and its retention, `records` draws generations, `dirt` spoils some of
them the way real logs are spoiled, `landing` writes partitions, `run` ties them together.
"""

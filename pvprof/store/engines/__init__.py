"""Engines that add up over the tables of a store: DuckDB in this process, a cluster of Spark."""

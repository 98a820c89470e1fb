"""A store of recordings: a folder of Parquet files, added to, selected from, and read back."""

"""The HTML report: one page with tables, pictures and the data they were made from."""

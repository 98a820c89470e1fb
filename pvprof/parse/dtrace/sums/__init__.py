"""The sums of plain records of aggregations: nearly all records are plain."""

"""CSV and JSON: everything in base units, for programs."""

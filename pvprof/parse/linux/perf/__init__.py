"""The output of ``perf script`` of Linux, with any of its fields, from perf 2.6.32 on."""

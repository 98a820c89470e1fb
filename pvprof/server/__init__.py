"""A web server for one store: it only reads, and each page is what a pvprof command writes."""

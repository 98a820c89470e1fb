"""Files for other tools' viewers: pprof, speedscope and Chrome traces."""

"""What files for other tools' viewers hold: pprof, speedscope and Chrome traces."""

"""Files for other tools' viewers: speedscope and Chrome traces."""

"""Files for viewers of others: speedscope and Chrome traces."""

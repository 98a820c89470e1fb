"""What readers share: frames, symbols, line numbers, histograms, diagnostics."""

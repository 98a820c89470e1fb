"""Text elements that readers share: frames, symbols, line numbers, histograms, diagnostics."""

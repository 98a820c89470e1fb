"""Pictures: flame graphs and heat maps, each one SVG file with its own script."""

"""Numbers with error bars: each measure takes a game or samples and returns a `Measurement`."""

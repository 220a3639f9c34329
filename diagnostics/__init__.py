"""The shelf of diagnostics: one question a file, each a module-level `diagnostic`."""

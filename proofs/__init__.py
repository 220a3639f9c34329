"""The theorems, one a file; reached through `gancheck.content.theorems()`."""

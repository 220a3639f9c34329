"""Where theory meets practice: one experiment a file, one page of the gallery an experiment.

An experiment's docstring says the claim and the theorem it comes from, what was predicted, how it
is measured and what would refute it, and was written before its runs. `python -m
experiments.NAME` makes the runs that are not there yet and then the page, from the stored rows
alone. Experiments may import everything; nothing imports them, and they are not shipped.
"""

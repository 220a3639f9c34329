"""How a game is trained: one loop, its updates, and the directory it writes."""

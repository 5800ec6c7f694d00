"""Where a layer runs: how to reach it, read it and change it."""

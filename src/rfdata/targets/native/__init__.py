"""The layer as processes of this host: where things lie, who runs, how to change it."""

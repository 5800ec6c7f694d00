"""Plans: what has to change for the facts to become what is desired. Pure."""

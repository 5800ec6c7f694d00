"""The checklist as data and pure checks. Imports model, config, secrets and errors only."""

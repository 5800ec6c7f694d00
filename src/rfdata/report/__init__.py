"""A finished verification in every form in which people and programs read it."""

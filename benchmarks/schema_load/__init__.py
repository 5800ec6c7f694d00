"""The ResearchFlow schema with a year's worth of rows in it, under thirty-two clients."""

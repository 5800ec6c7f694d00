"""rfdata: a deployment checklist that runs itself and proves it."""

__version__ = "0.1.0"

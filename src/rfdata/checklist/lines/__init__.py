"""The checklist's 244 boxes in our words, one module for each of its sections."""

"""What issue 2 asks of speed and size, measured on this machine: `python -m benchmarks`.

The program is measured as a person meets it: whole processes, from start to end.
"""

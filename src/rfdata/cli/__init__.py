"""The command line: parse, call, print. Here alone errors become messages and exit codes."""

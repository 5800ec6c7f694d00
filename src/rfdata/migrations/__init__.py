"""Migrations: files in order, a ledger in the database, and the proof that each can be taken back."""

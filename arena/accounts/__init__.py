"""Accounts: people, sessions, API tokens."""

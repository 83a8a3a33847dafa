"""Graders: everything that scores. Never imports the web."""

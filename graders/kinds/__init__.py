"""Submission kinds: how an upload becomes something that metrics can score. One file per kind."""

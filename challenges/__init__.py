"""What a challenge is, and what is said about one: the leaf that both the web and the graders read.

Root modules import the standard library only. The folders beside them are the challenges themselves.
"""

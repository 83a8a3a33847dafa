"""Leaderboard: standings, ranks, pages of fifty."""

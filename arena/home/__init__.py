"""The pages that look across all features: the front page, the list of challenges, what Arena is."""

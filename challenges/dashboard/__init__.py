"""dashboard: a small web app that shows what a messy table of sales comes to."""

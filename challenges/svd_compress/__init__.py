"""svd_compress: 24 directions that describe images nobody has seen, found among images that are partly spoiled."""

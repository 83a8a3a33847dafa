"""K-means: sort readings of eight sensors into seven groups that nobody has named."""

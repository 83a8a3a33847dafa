"""House prices: estimate what a flat sells for, from a table with gaps and slips of the pen."""

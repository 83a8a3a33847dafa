"""Stock prediction: the next five closes of a stock, from sixty days of prices, volume, index and news."""

"""preprocess_pipeline: turn a messy table into numbers that a fixed linear model can learn from."""

"""Sentiment with BERT: few labelled reviews, many unlabelled ones, and polarity that is composed."""

"""Translation: English sentences into Chinese, learnt from twenty thousand pairs."""

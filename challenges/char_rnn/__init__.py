"""Character language model: predict the next letter of stories whose names are new every time."""

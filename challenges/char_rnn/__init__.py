"""Character language model: foretell the next letter of stories whose names are new every time."""

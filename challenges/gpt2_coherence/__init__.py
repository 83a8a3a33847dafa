"""Word-level language model: foretell stories of a village, and know a true ending from a wrong one."""

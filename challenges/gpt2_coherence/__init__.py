"""Word-level language model: predict stories of a village, and know a true ending from a wrong one."""

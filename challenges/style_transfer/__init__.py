"""style_transfer: repaint forty pictures, each in the manner of another one, without losing what they show."""

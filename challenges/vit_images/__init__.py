"""ViT images: tell ten kinds of things apart with a Vision Transformer."""

"""The bare stack: the same parts as the product with the same settings, and nothing of the product between them."""

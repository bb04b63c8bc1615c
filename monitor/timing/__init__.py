"""Time: zones as database servers spell them."""

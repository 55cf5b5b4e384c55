"""Training recipes: one command per network that ships in the package."""

"""The migrations, shipped with the package."""

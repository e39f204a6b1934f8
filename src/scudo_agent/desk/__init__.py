"""The provider's central desk."""

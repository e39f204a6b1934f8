"""The API for people's programs, below `/v1/desk`."""

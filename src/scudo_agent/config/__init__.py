"""Site files: loading, validating, resolving."""

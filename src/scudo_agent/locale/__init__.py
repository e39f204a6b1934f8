"""One gettext catalogue for agent and desk."""

"""The composition root: one running agent, an embedded desk included."""

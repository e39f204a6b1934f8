"""What the NOC sees of an agent: metrics, health."""

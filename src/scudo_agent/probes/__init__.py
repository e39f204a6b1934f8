"""Kinds of probe, one file each: a settings class and an engine."""

"""The parts of smdebug's core that readers import."""

"""Servers that answer one invocation, each as a process of its own: the bare handler, the floor, Clary, the peers."""

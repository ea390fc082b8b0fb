"""Street lamps: the smallest pack, and the template of a new one."""

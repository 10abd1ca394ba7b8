"""Real meshes, real peers, and a look at what they left behind."""

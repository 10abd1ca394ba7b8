"""A project of a gRPC service of one's own."""

"""One translator per gRPC service: parse, call a store, convert."""

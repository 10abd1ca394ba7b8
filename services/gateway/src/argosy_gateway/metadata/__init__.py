"""What the gateway knows: stores that know SQLite and the contract's rules, and no gRPC."""

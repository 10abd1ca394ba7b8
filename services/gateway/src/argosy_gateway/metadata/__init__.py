"""The gateway's records: functions on SQLite rows that keep the contract's rules. No gRPC, and no plugin."""

"""The parts that all shims share: their start, the Task service, stdio, events for the daemon. Lean: no asyncio, no pydantic."""

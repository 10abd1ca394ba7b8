"""What every shim does the same way: starting, serving the Task API, stdio, telling the daemon. Lean: no asyncio, no pydantic."""

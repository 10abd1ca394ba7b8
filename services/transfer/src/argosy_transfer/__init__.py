"""The Transfer and Streaming services: from any source that is known here to any sink."""

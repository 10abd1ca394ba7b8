"""The OCI specs: image documents, references, runtime specs, users."""

"""The content store: blobs by digest and ingests by ref, laid out on disk as containerd does."""

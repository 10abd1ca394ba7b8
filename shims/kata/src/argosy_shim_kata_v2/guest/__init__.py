"""What runs inside the VM: read as files by the image builder; frames.py is imported on both sides."""

"""EROFS images written in Python: nodes, the tar of a layer as an image, a directory as an image."""

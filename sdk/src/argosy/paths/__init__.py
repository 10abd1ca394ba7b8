"""Files into and out of trees that others write to: a container's, a snapshot's; what goes in and out is a tar."""

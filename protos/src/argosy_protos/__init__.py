"""The wire: message classes, compiled codecs and service tables, one package per proto package.

Everything below this package except the modules whose name starts with an underscore is written by
``protos/generate.py``; ``just protos-check`` fails when it is stale. ``argosy_protos.lean`` holds the
same messages for shims: plain slotted classes that import nothing but ``_wire``.
"""

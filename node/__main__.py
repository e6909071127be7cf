"""``python -m node``: the same as ``glia``."""

from node.cli import main

main()

"""`python -m parallelrun` is the command `parallelrun`."""

from parallelrun._command import main

main()

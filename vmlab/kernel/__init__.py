"""The simulated kernel: `enter` runs the core and serves its exits; the system calls stand beside it, a verb to a file.

A call checks its arguments in Linux's order, raises OSError with errno and one sentence, edits VMA rows in plain Python, and
leaves the work per page to the core. Every call takes the Kernel first, then the process's row.
"""

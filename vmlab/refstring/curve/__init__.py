"""Whole curves: faults for every size of memory at once, and distances between uses."""

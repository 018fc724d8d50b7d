"""The machine: memory, MMU and paging, as njit functions over one State of arrays.

Read in this order: state (what there is), pagetable and tlb (how an address is translated), objects, frames, rmap and swap
(where pages are), fault (what happens when a translation is missing), reclaim and policy (when memory is full), cpu (the
loop that ties them together), space (what system calls do to ranges), invariants (what must always hold).

The core does no I/O, prints nothing and raises nothing: a function that needs the outside returns an Exit.
"""

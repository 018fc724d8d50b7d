"""Pressure stall information: how long processes waited for memory (kernel/sched/psi.c), on the simulated clock.

A process stalls while a page it needs comes back from swap, or to the page cache that it should not have left (a refault of a
page that was active; policy.restored), and while it has to write pages away itself before it gets a frame (direct reclaim).
`some`: somebody stalled. `full`: meanwhile nobody else wanted to run, so that nothing at all was done; here that is when no other
process has references waiting in the queue.
"""

from ..jit import entry, inline, njit
from .state import PSI_PERIOD as PERIOD

FSHIFT, FIXED = 11, 1 << 11  # averages are percents with 11 bits behind the point
EXP_10, EXP_60, EXP_300 = 1677, 1981, 2034  # exp(-2s/10s), exp(-2s/60s), exp(-2s/300s)


@inline
def now(s):
    """Simulated nanoseconds since boot, within a run too (clock.now_ns; references are counted by machine.now)."""
    m = s.machine[0]
    st = s.stat[0]
    c = s.cost[0]
    return (
        m.now * c.tlb
        + st.walks * m.levels * c.walk
        + (st.minflt + st.majflt) * c.fault
        + (st.copies + st.zero) * c.copying
        + (st.pswpin + st.pgpgin) * c.read
        + (st.pswpout + st.pgpgout) * c.write
    )


@inline
def stall(s, ns):
    """The running process has waited the last ns nanoseconds for memory."""
    begun = now(s) - ns
    if begun >= s.machine[0].psi_due:
        settle(s, begun)
    s.pressure[0].total += ns
    if s.machine[0].others == 0:
        s.pressure[1].total += ns


@entry
def settle(s, t):
    """Bring the averages up to time t: one step for each period that has ended (update_averages, calc_avgs).

    A stall longer than a period goes on in the next; periods in which nobody stalled are taken in one step (calc_load_n).
    """
    m = s.machine[0]
    while t >= m.psi_due:
        idle = s.pressure[0].total == s.pressure[0].seen
        periods = 1 + (t - m.psi_due) // PERIOD if idle else 1
        for k in range(2):
            r = s.pressure[k]
            sample = min(r.total - r.seen, PERIOD)
            r.seen += sample
            percent = sample * 100 // PERIOD * FIXED
            r.avg10 = load(r.avg10, power(EXP_10, periods), percent)
            r.avg60 = load(r.avg60, power(EXP_60, periods), percent)
            r.avg300 = load(r.avg300, power(EXP_300, periods), percent)
        m.psi_due += periods * PERIOD


@njit
def load(avg, exp, active):
    """avg * exp + active * (1 - exp), rounded towards active (include/linux/sched/loadavg.h, calc_load)."""
    new = avg * exp + active * (FIXED - exp)
    if active >= avg:
        new += FIXED - 1
    return new // FIXED


@njit
def power(x, n):
    """x to the n, both fixed-point but n (kernel/sched/loadavg.c, fixed_power_int)."""
    result = FIXED
    while n > 0:
        if n & 1:
            result = (result * x + (1 << (FSHIFT - 1))) >> FSHIFT
        n >>= 1
        x = (x * x + (1 << (FSHIFT - 1))) >> FSHIFT
    return result

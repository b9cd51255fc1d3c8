# SPDX-License-Identifier: LGPL-2.1-or-later
# The arithmetic of tools/bench: nothing here measures, opens a file or prints. A round is a dict of
# figures by side; sides of one round were measured in turn, so their ratio is taken within the
# round, and the median of these ratios is the result.

TICKS_HZ = 100  # of /proc/stat, whatever the kernel's own tick is


def median(values):
    values = sorted(values)
    if not values:
        raise ValueError("no values")
    middle = len(values) // 2
    if len(values) % 2:
        return values[middle]
    return (values[middle - 1] + values[middle]) / 2


def figures(rounds, side):
    """All that was measured of a side, in the order of the rounds."""
    return [r[side] for r in rounds if r.get(side) is not None]


def summary(rounds, side):
    values = figures(rounds, side)
    if not values:
        return None
    return {"median": median(values), "min": min(values), "max": max(values), "count": len(values)}


def ratio(rounds, side, base):
    """Median of the ratios within each round; None without a round that has both."""
    ratios = [r[side] / r[base] for r in rounds
              if r.get(side) is not None and r.get(base)]
    return median(ratios) if ratios else None


def verdict(measured, goal, below=False):
    """kept or missed; below: the goal itself is a miss. None: it was not measured."""
    if measured is None:
        return "not measured"
    return "kept" if measured < goal or (measured == goal and not below) else "missed"


def busy_seconds(stat_text, hz=TICKS_HZ):
    """CPU time that anybody used, of the first line of /proc/stat. Steal counts: it was not ours."""
    fields = [int(word) for word in stat_text.split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = (fields + [0] * 8)[:8]
    return (user + nice + system + irq + softirq + steal) / hz


def foreign_seconds(busy, ours):
    """What others used while all used `busy` and we `ours`; never negative: ticks are coarse."""
    return max(0.0, busy - ours)


def disturbed(foreign, elapsed, cpus, share=0.05, least=0.06):
    """Whether others took more than a share of all CPU time, or than ticks can tell."""
    return foreign > max(least, share * elapsed * cpus)


def grow_to(total, surplus, pages):
    """What to write to a pool to add pages: it takes persistent pages, not the total."""
    return total - surplus + pages


def shrink_to(total, surplus, pages):
    return max(0, total - surplus - pages)


def rotated(sides, turn):
    """The sides in another order each round, so that none always follows the same one."""
    turn %= len(sides)
    return sides[turn:] + sides[:turn]


def seconds_text(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def size_text(size):
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size} B"

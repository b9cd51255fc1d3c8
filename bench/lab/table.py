# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results of the lab as lines of JSON, and the page that people read. No measuring here."""
import json

MIB = 1 << 20
CELL = ("size", "nodes", "kernel", "state")
MARK = "<!-- the table below is remade by `make lab` -->\n"


def key(row):
    return tuple(row[k] for k in CELL) + (row["contender"],)


def load(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def add(rows, row):
    """The rows with this one in place of an older one of the same cell and contender."""
    slim = {k: v for k, v in row.items() if k not in ("report", "error")}
    rungs = (row.get("report") or {}).get("rungs")
    if rungs:
        slim["rungs"] = [[r["name"], r["pages_after"] - r["pages_before"],
                          round(r["elapsed_ns"] / 1e6)] for r in rungs]
    return [r for r in rows if key(r) != key(row)] + [slim]


def save(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in sorted(rows, key=key)), encoding="utf-8")


def line(row):
    rungs = " ".join(f"{n}+{p}/{ms}ms" for n, p, ms in add([], row)[0].get("rungs", []))
    if row.get("error"):
        rungs += " " + row["error"]
    return (f"{row['size']} {row['nodes']}n {row['kernel']} {row['state']:16} {row['contender']:12} "
            f"{row['pages']:5}/{row['wanted']} {row['elapsed_ns'] / 1e9:6.2f} s  "
            f"lost {row['cache_lost_bytes'] // MIB} of {row['cache_before_bytes'] // MIB} MiB, "
            f"swap {row['swapped_bytes'] // MIB}, oom {row['oom_kills']} {rungs}")


def cells(rows):
    """{cell: {contender: row}} in the order of the rows' keys."""
    found = {}
    for row in sorted(rows, key=key):
        found.setdefault(tuple(row[k] for k in CELL), {})[row["contender"]] = row
    return found


def attainable(cell):
    """The most that anybody got who killed no process for it."""
    return max((r["pages"] for r in cell.values() if not r["oom_kills"]), default=0)


def judge(cell):
    """How guestram stands in one cell; None without it."""
    ours = cell.get("guestram")
    peers = [r for n, r in cell.items() if n not in ("guestram", "exhaustive") and not r["oom_kills"]]
    if not ours or not peers:
        return None
    best = max(p["pages"] for p in peers)
    equal = [p["elapsed_ns"] for p in peers if p["pages"] >= ours["pages"]]
    plain = cell.get("plain", {}).get("pages", 0)
    return {
        "best_peer": best,
        "of_best_peer": ours["pages"] / best if best else None,
        "of_plain": ours["pages"] / plain if plain else None,
        "of_attainable": ours["pages"] / attainable(cell) if attainable(cell) else None,
        "faster_equal_peer": min(equal) / ours["elapsed_ns"] if equal else None,
    }


def ratio(value):
    return "-" if value is None else f"{value:.2f}"


def page(rows):
    out = []
    for cell, by_name in cells(rows).items():
        size, nodes, kernel, state = cell
        out.append(f"\n### {state}: {size} pages, {nodes} node{'s' if nodes > 1 else ''}, Linux {kernel}\n")
        verdict = judge(by_name)
        if verdict:
            out.append(f"guestram: {ratio(verdict['of_best_peer'])} of the best peer, "
                       f"{ratio(verdict['of_plain'])} of one plain write, "
                       f"{ratio(verdict['of_attainable'])} of what anybody got.\n")
        out.append("| contender | pages | wanted | time | cache lost | swapped | stalled | killed |")
        out.append("|---|--:|--:|--:|--:|--:|--:|--:|")
        for name, r in sorted(by_name.items(), key=lambda item: -item[1]["pages"]):
            out.append(f"| {name} | {r['pages']:,} | {r['wanted']:,} | {r['elapsed_ns'] / 1e9:.2f} s | "
                       f"{r['cache_lost_bytes'] // MIB:,} MiB | {r['swapped_bytes'] // MIB:,} MiB | "
                       f"{r['stalled_some_us'] / 1e6:.2f} s | {r['oom_kills']} |")
    return "\n".join(out) + "\n"


def write_page(path, rows):
    text = path.read_text(encoding="utf-8") if path.exists() else "# The frozen lab\n\n" + MARK
    path.write_text(text[:text.index(MARK)] + MARK + page(rows), encoding="utf-8")

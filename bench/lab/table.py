# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results of the lab as lines of JSON, and the page that people read. No measuring here."""
import json

MIB = 1 << 20
CELL = ("size", "nodes", "kernel", "state")
STATES = ["fresh", "clean-cache", "dirty-cache", "movable-holes", "slab", "unmovable-sparse",
          "unmovable-dense", "locked", "everything"]
NO_PEERS = ("guestram", "guestram-most", "exhaustive")
MARK = "<!-- the table below is remade by `make lab` -->\n"


def key(row):
    return tuple(row[k] for k in CELL) + (row["contender"],)


def load(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def foretold(row):
    """What guestram said beforehand of the pages of that size on all nodes; None where it did not know."""
    size = {"2M": 2 * MIB, "1G": 1024 * MIB}[row["size"]]
    pools = [p for p in row["foretold"]["obtainable"] if p["page_size_bytes"] == size]
    return {key: None if any(p[f"obtainable_{key}"] is None for p in pools)
            else sum(p[f"obtainable_{key}"] for p in pools) for key in ("now", "by_ladder", "at_most")}


def add(rows, row):
    """The rows with this one in place of an older one of the same cell and contender. What started
    from another saved guest goes too: the same recipe makes another state each time."""
    slim = {k: v for k, v in row.items() if k not in ("report", "error", "foretold")}
    if row.get("foretold"):
        slim["foretold"] = foretold(row)
    rungs = (row.get("report") or {}).get("rungs")
    if rungs:
        slim["rungs"] = [[r["name"], r["pages_after"] - r["pages_before"],
                          round(r["elapsed_ns"] / 1e6)] for r in rungs]
    return [r for r in rows if key(r) != key(row) and
            (key(r)[:-1] != key(row)[:-1] or r.get("frozen") == row.get("frozen"))] + [slim]


def save(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in sorted(rows, key=key)), encoding="utf-8")


def line(row):
    slim = add([], row)[0]
    rungs = " ".join(f"{n}+{p}/{ms}ms" for n, p, ms in slim.get("rungs", []))
    if "foretold" in slim:
        rungs = "foretold {now}/{by_ladder}/{at_most} ".format(**slim["foretold"]) + rungs
    if row.get("error"):
        rungs += " " + row["error"]
    return (f"{row['size']} {row['nodes']}n {row['kernel']} {row['state']:16} {row['contender']:12} "
            f"{row['pages']:5}/{row['wanted']} {row['elapsed_ns'] / 1e9:6.2f} s  "
            f"lost {row['cache_lost_bytes'] // MIB} of {row['cache_before_bytes'] // MIB} MiB, "
            f"swap {row['swapped_bytes'] // MIB}, oom {row['oom_kills']} {rungs}")


def cells(rows):
    """{cell: {contender: row}}: 2M first, few nodes, old kernels, states in the order of the docs."""
    def order(row):
        kernel = tuple(int(word) for word in row["kernel"].split("."))
        return row["size"] != "2M", row["nodes"], kernel, STATES.index(row["state"]), row["contender"]
    found = {}
    for row in sorted(rows, key=order):
        found.setdefault(tuple(row[k] for k in CELL), {})[row["contender"]] = row
    return found


def peers_of(cell):
    return [r for n, r in cell.items() if n not in NO_PEERS and not r["oom_kills"]]


def attainable(cell):
    """The most that anybody got who killed no process for it, of what was wanted."""
    return max((min(r["pages"], r["wanted"]) for r in cell.values() if not r["oom_kills"]), default=0)


def outlook(cell):
    """What was foretold, what then came, and by which part the first is off; None without it."""
    row = cell.get("guestram-most")
    if not row or not row.get("foretold") or row["foretold"]["by_ladder"] is None:
        return None
    foretold_pages, got = row["foretold"]["by_ladder"], row["pages"]
    return {"foretold": foretold_pages, "got": got, "at_most": row["foretold"]["at_most"],
            "off": abs(foretold_pages - got) / max(got, 1)}


def judge(cell):
    """How guestram stands in one cell; None without it."""
    ours = cell.get("guestram")
    peers = peers_of(cell)
    if not ours or not peers:
        return None
    best = best_peer(cell)["pages"]
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


def best_peer(cell):
    """The row of the peer with most pages, of equals the fastest; None without one."""
    peers = peers_of(cell)
    return max(peers, key=lambda r: (r["pages"], -r["elapsed_ns"]), default=None)


def short(row, name=False):
    if not row:
        return "-"
    return (f"{row['pages']:,} ({row['elapsed_ns'] / 1e9:.1f} s)" + (f" {row['contender']}" if name else "") +
            (" **killed**" if row["oom_kills"] else ""))


def summary(by_cell):
    """One table for each size, number of nodes and kernel: a line for each state."""
    out, group = [], None
    for cell, by_name in by_cell.items():
        size, nodes, kernel, state = cell
        if cell[:3] != group:
            group = cell[:3]
            out += ["", f"### {title(*group)}", "",
                    "| state | wanted | plain | best peer | guestram | exhaustive | of best peer "
                    "| of attainable | foretold / got |",
                    "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
        verdict, ahead = judge(by_name) or {}, outlook(by_name)
        out.append(f"| {state} | {next(iter(by_name.values()))['wanted']:,} | "
                   f"{short(by_name.get('plain'))} | {short(best_peer(by_name), True)} | "
                   f"{short(by_name.get('guestram'))} | {short(by_name.get('exhaustive'))} | "
                   f"{ratio(verdict.get('of_best_peer'))} | {ratio(verdict.get('of_attainable'))} | "
                   + (f"{ahead['foretold']:,} / {ahead['got']:,} |" if ahead else "- |"))
    return out


def title(size, nodes, kernel):
    return f"{size} pages, {nodes} node{'s' if nodes > 1 else ''}, Linux {kernel}"


def details(by_cell):
    out = []
    for cell, by_name in by_cell.items():
        out += ["", f"### {cell[3]}: {title(*cell[:3])}", "",
                "| contender | pages | on nodes | time | others | cache lost | swapped | stalled | killed |",
                "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
        for name, r in sorted(by_name.items(), key=lambda item: -item[1]["pages"]):
            nodes = " + ".join(f"{n:,}" for n in r.get("pages_by_node", [])) or "-"
            others = f"{100 * r['others_share']:.0f} %" if "others_share" in r else "-"
            out.append(f"| {name} | {r['pages']:,} | {nodes} | {r['elapsed_ns'] / 1e9:.2f} s | {others} | "
                       f"{r['cache_lost_bytes'] // MIB:,} MiB | {r['swapped_bytes'] // MIB:,} MiB | "
                       f"{r['stalled_some_us'] / 1e6:.2f} s | {r['oom_kills']} |")
    return out


def page(rows):
    by_cell = cells(rows)
    return "\n".join(["", "## Summary", *summary(by_cell), "", "## All runs", *details(by_cell)]) + "\n"


def write_page(path, rows):
    text = path.read_text(encoding="utf-8") if path.exists() else "# The frozen lab\n\n" + MARK
    path.write_text(text[:text.index(MARK)] + MARK + page(rows), encoding="utf-8")

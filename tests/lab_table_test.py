#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# The arithmetic of bench/lab/table.py, on figures worked out by hand.
import os
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench", "lab"))
import table  # noqa: E402


def row(contender, pages, seconds=1.0, killed=0, **more):
    return {"size": "2M", "nodes": 1, "kernel": "6.1", "state": "slab", "contender": contender,
            "wanted": 1000, "pages": pages, "elapsed_ns": int(seconds * 1e9), "oom_kills": killed,
            "cache_lost_bytes": 0, "cache_before_bytes": 0, "swapped_bytes": 0,
            "stalled_some_us": 0} | more


def cell(*rows):
    return {r["contender"]: r for r in rows}


class Table(unittest.TestCase):
    def test_a_new_row_takes_the_place_of_the_old(self):
        rows = table.add(table.add([], row("plain", 1)), row("plain", 2))
        self.assertEqual([r["pages"] for r in rows], [2])
        self.assertEqual(len(table.add(rows, row("plain", 3, kernel="6.12"))), 2)

    def test_rows_of_another_saved_guest_go(self):
        rows = table.add([], row("plain", 1, frozen=7))
        rows = table.add(rows, row("plain", 1, frozen=7, kernel="6.12"))
        rows = table.add(rows, row("rewrite", 2, frozen=7))
        self.assertEqual(len(rows), 3)
        rows = table.add(rows, row("rewrite", 3, frozen=8))
        self.assertEqual([(r["kernel"], r["pages"]) for r in rows], [("6.12", 1), ("6.1", 3)])

    def test_outlook(self):
        ahead = {"now": 1, "by_ladder": 540, "at_most": 900}
        one = cell(row("plain", 300), row("guestram", 500), row("guestram-most", 600, foretold=ahead))
        self.assertAlmostEqual(table.outlook(one)["off"], 0.1)
        self.assertEqual(table.judge(one)["best_peer"], 300)
        self.assertIsNone(table.outlook(cell(row("plain", 300))))

    def test_who_asked_for_more_is_no_measure(self):
        one = cell(row("plain", 300), row("guestram", 1000), row("guestram-most", 1300))
        self.assertEqual(table.attainable(one), 1000)

    def test_order_of_cells(self):
        rows = [row("plain", 1, kernel="6.12"), row("plain", 1, size="1G"), row("plain", 1, nodes=2),
                row("plain", 1, state="everything"), row("plain", 1), row("plain", 1, kernel="6.1")]
        self.assertEqual(list(table.cells(rows)), [
            ("2M", 1, "6.1", "slab"), ("2M", 1, "6.1", "everything"), ("2M", 1, "6.12", "slab"),
            ("2M", 2, "6.1", "slab"), ("1G", 1, "6.1", "slab")])

    def test_best_peer_is_the_fastest_of_equals_and_killed_nobody(self):
        c = cell(row("plain", 9, 3.0), row("rewrite", 9, 2.0), row("hugeadm", 99, killed=1),
                 row("guestram", 100), row("exhaustive", 100))
        self.assertEqual(table.best_peer(c)["contender"], "rewrite")
        self.assertIsNone(table.best_peer({"guestram": c["guestram"]}))

    def test_summary_has_a_line_for_each_state(self):
        rows = [row("plain", 500, 2.0), row("guestram", 750), row("exhaustive", 1000),
                row("plain", 3, state="fresh")]
        text = "\n".join(table.summary(table.cells(rows)))
        self.assertIn("| slab | 1,000 | 500 (2.0 s) | 500 (2.0 s) plain | 750 (1.0 s) | "
                      "1,000 (1.0 s) | 1.50 | 0.75 |", text)
        self.assertIn("| fresh | 1,000 | 3 (1.0 s) | 3 (1.0 s) plain | - | - | - | - |", text)

    def test_report_is_kept_as_rungs(self):
        report = {"rungs": [{"name": "write", "pages_before": 1, "pages_after": 8, "elapsed_ns": 2600000}]}
        kept = table.add([], row("guestram", 8, report=report))[0]
        self.assertNotIn("report", kept)
        self.assertEqual(kept["rungs"], [["write", 7, 3]])

    def test_pages_that_cost_a_process_do_not_count(self):
        c = cell(row("plain", 900, killed=1), row("rewrite", 400), row("guestram", 500),
                 row("exhaustive", 600))
        self.assertEqual(table.attainable(c), 600)
        verdict = table.judge(c)
        self.assertEqual(verdict["best_peer"], 400)
        self.assertEqual(verdict["of_best_peer"], 1.25)
        self.assertAlmostEqual(verdict["of_attainable"], 500 / 600)

    def test_exhaustive_is_no_peer(self):
        verdict = table.judge(cell(row("plain", 0), row("guestram", 5), row("exhaustive", 9)))
        self.assertIsNone(verdict["of_best_peer"])
        self.assertIsNone(verdict["of_plain"])
        self.assertIsNone(table.judge(cell(row("guestram", 5), row("exhaustive", 9))))

    def test_time_is_compared_with_the_fastest_equal(self):
        c = cell(row("plain", 10, 0.5), row("rewrite", 100, 4.0), row("hugeadm", 120, 3.0),
                 row("guestram", 100, 2.0))
        self.assertEqual(table.judge(c)["faster_equal_peer"], 1.5)
        c["guestram"]["pages"] = 121
        self.assertIsNone(table.judge(c)["faster_equal_peer"])

    def test_page_keeps_what_people_wrote(self):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "lab.md"
            path.write_text("# Mine\n" + table.MARK + "what was there\n", encoding="utf-8")
            table.write_page(path, [row("plain", 1234)])
            text = path.read_text(encoding="utf-8")
        self.assertTrue(text.startswith("# Mine\n"))
        self.assertNotIn("what was there", text)
        self.assertIn("| plain | 1,234 | - | 1.00 s |", text)


unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# The arithmetic of tools/bench, on figures worked out by hand.
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import bench_math as m  # noqa: E402


class Math(unittest.TestCase):
    def test_median(self):
        self.assertEqual(m.median([3, 1, 2]), 2)
        self.assertEqual(m.median([4, 1, 3, 2]), 2.5)
        self.assertRaises(ValueError, m.median, [])

    def test_ratio_is_taken_within_a_round(self):
        # A machine that is three times slower in one round changes no ratio.
        rounds = [{"a": 1, "b": 2}, {"a": 3, "b": 6}, {"a": 2, "b": 4}]
        self.assertEqual(m.ratio(rounds, "a", "b"), 0.5)
        # One odd round out of three does not decide.
        rounds[0] = {"a": 9, "b": 1}
        self.assertEqual(m.ratio(rounds, "a", "b"), 0.5)

    def test_ratio_of_nothing(self):
        self.assertIsNone(m.ratio([], "a", "b"))
        self.assertIsNone(m.ratio([{"a": 1}, {"b": 1}, {"a": 1, "b": 0}], "a", "b"))

    def test_summary(self):
        rounds = [{"a": 1}, {"a": 5}, {"b": 1}, {"a": 2}]
        self.assertEqual(m.summary(rounds, "a"), {"median": 2, "min": 1, "max": 5, "count": 3})
        self.assertIsNone(m.summary(rounds, "c"))

    def test_verdict(self):
        self.assertEqual(m.verdict(0.59, 0.6), "kept")
        self.assertEqual(m.verdict(0.6, 0.6), "kept")
        self.assertEqual(m.verdict(0.61, 0.6), "missed")
        self.assertEqual(m.verdict(8, 8, below=True), "missed")
        self.assertEqual(m.verdict(7.9, 8, below=True), "kept")
        self.assertEqual(m.verdict(None, 1), "not measured")

    def test_busy(self):
        text = "cpu  100 20 300 9999 888 4 5 6 70 80\ncpu0 1 1 1 1\n"
        self.assertEqual(m.busy_seconds(text), 4.35)  # idle, iowait and guest times are not in it
        self.assertEqual(m.busy_seconds("cpu 100 0 100 5"), 2.0)

    def test_foreign(self):
        self.assertEqual(m.foreign_seconds(3.0, 2.5), 0.5)
        self.assertEqual(m.foreign_seconds(1.0, 1.1), 0.0)

    def test_disturbed(self):
        self.assertFalse(m.disturbed(0.06, 0.1, 2))  # ticks cannot tell less
        self.assertTrue(m.disturbed(0.07, 0.1, 2))
        self.assertFalse(m.disturbed(0.2, 2.0, 2))
        self.assertTrue(m.disturbed(0.21, 2.0, 2))

    def test_pool(self):
        self.assertEqual(m.grow_to(10, 3, 5), 12)
        self.assertEqual(m.shrink_to(15, 3, 5), 7)
        self.assertEqual(m.shrink_to(4, 0, 5), 0)

    def test_rotated(self):
        self.assertEqual(m.rotated(["a", "b", "c"], 4), ["b", "c", "a"])

    def test_texts(self):
        self.assertEqual(m.seconds_text(1.234), "1.23 s")
        self.assertEqual(m.seconds_text(0.0456), "45.6 ms")
        self.assertEqual(m.seconds_text(0.00000042), "420 ns")
        self.assertEqual(m.size_text(3 << 20), "3 MiB")


if __name__ == "__main__":
    unittest.main()

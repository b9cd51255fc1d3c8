#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Another owner of huge pages: holds COUNT pages of 2 MiB, and then as many as each line of standard
# input says, until its end. Says "has N" each time.
import ctypes
import mmap
import os
import sys

MFD_HUGETLB, SIZE = 0x0004 | 21 << 26, 2 << 20
libc = ctypes.CDLL(None, use_errno=True)
held = []


def hold(count):
    while len(held) > count:
        held.pop().close()
    while len(held) < count:
        fd = libc.memfd_create(b"owner", MFD_HUGETLB)
        os.ftruncate(fd, SIZE)
        page = mmap.mmap(fd, SIZE)
        os.close(fd)
        page[0] = 1
        held.append(page)
    print(f"has {count}", flush=True)


hold(int(sys.argv[1]))
for line in sys.stdin:
    hold(int(line))

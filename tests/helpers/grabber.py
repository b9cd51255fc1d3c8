#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# A stranger: whenever the pool of 2 MiB pages has free ones, takes up to N of them, and lets go of
# them after a while, again and again until SIGTERM. `grabber.py MILLISECONDS N`
import ctypes
import mmap
import os
import sys
import time

MFD_HUGETLB, SIZE = 0x0004 | 21 << 26, 2 << 20
libc = ctypes.CDLL(None, use_errno=True)
keep, most = int(sys.argv[1]) / 1000, int(sys.argv[2])
held = []
while True:
    for _ in range(most):
        fd = libc.memfd_create(b"grabber", MFD_HUGETLB)
        os.ftruncate(fd, SIZE)
        try:
            page = mmap.mmap(fd, SIZE)
            page[0] = 1
            held.append((time.monotonic(), page))
        except OSError:
            break
        finally:
            os.close(fd)
    while held and (len(held) >= most or time.monotonic() - held[0][0] > keep):
        held.pop(0)[1].close()
    time.sleep(0.0005)

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory on small pages that may become huge: MIB of it, aligned, written under MADV_NOHUGEPAGE,
 * which is lifted then, unless "kept" is said; of every 2 MiB only the first PERCENT are written.
 * Prints "ready" and waits until its standard input ends; "ok" then, if it still holds what was
 * written.
 *
 *   collapsible MIB PERCENT [kept]
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_BYTES (UINT64_C(2) << 20)

int main(int argc, char **argv)
{
	uint64_t bytes, part, page = (uint64_t)sysconf(_SC_PAGESIZE);
	char *p, c;

	if (argc < 3)
		errx(2, "usage: collapsible MIB PERCENT [kept]");
	bytes = strtoull(argv[1], NULL, 10) << 20;
	part = HUGE_BYTES * strtoull(argv[2], NULL, 10) / 100;
	p = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	p += HUGE_BYTES - (uintptr_t)p % HUGE_BYTES;
	if (madvise(p, bytes, MADV_NOHUGEPAGE) < 0)
		err(1, "madvise");
	for (uint64_t i = 0; i < bytes; i += page) {
		if (i % HUGE_BYTES < part)
			p[i] = (char)(i / page % 127 + 1);
	}
	if (argc == 3 && madvise(p, bytes, MADV_HUGEPAGE) < 0)
		err(1, "madvise");
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	for (uint64_t i = 0; i < bytes; i += page) {
		if (p[i] != (i % HUGE_BYTES < part ? (char)(i / page % 127 + 1) : 0))
			errx(1, "byte %llu is wrong", (unsigned long long)i);
	}
	puts("ok");
	return 0;
}

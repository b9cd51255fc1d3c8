// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Starts QEMU on memory that this program made: reads the command line, makes a memfd of ordinary
 * pages per need, rewrites, executes. So the tests can ask a real QEMU whether it takes what the
 * rewrite says.
 *
 *   qemu_rewrite [--print] [--anonymous] QEMU ARGS
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"
#include "guest/qemu_argv.h"

static int make_memory(const struct gr_need *need)
{
	int fd = memfd_create("guestram-test", 0);

	if (fd < 0 || ftruncate(fd, (off_t)need->memory_bytes) < 0)
		err(4, "memfd");
	return fd;
}

int main(int argc, char **argv)
{
	_cleanup_qemu_ struct gr_qemu *qemu = NULL;
	_cleanup_argv_ char **changed = NULL;
	_cleanup_free_ char *text = NULL;
	struct gr_qemu_backing *backings;
	bool print = false, anonymous = false;
	struct gr_error error;
	int at = 1;

	for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
		print |= strcmp(argv[at], "--print") == 0;
		anonymous |= strcmp(argv[at], "--anonymous") == 0;
	}
	if (gr_qemu_parse(argv + at, &qemu, &error) < 0)
		errx(2, "%s", error.message);
	backings = calloc(qemu->request.need_count + 1, sizeof(*backings));
	if (!backings)
		err(4, "memory");
	for (size_t i = 0; i < qemu->request.need_count; i++) {
		const struct gr_need *need = &qemu->request.needs[i];

		backings[i] = (struct gr_qemu_backing){
			.fd = anonymous ? -1 : make_memory(need),
			.size_bytes = need->memory_bytes,
			.share = !anonymous,
			.prealloc = anonymous,
			.prealloc_threads = anonymous ? 2 : 0,
		};
	}
	if (gr_qemu_rewrite(qemu, backings, qemu->request.need_count, &changed, &error) < 0)
		errx(2, "%s", error.message);
	free(backings);
	if (!print) {
		execvp(changed[0], changed);
		err(4, "%s", changed[0]);
	}
	if (gr_argv_print(changed, &text) < 0)
		errx(4, "no memory");
	puts(text);
	return 0;
}

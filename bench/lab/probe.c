// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * probe: what a contender got and what it cost, on one line of JSON. It lets the contender foretell
 * what it will get, reads the host's figures, runs /lab/contender NAME, and reads them again. Static, since it runs in guests without a library.
 *   probe NAME PAGE-KIB PAGES [OPTION]...    options of guestram
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct figures {
	uint64_t total_kib, available_kib, cache_kib, swap_free_kib, some_us, full_us, oom_kills;
	uint64_t pages, ns;
};

static void slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static uint64_t number(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void look(uint64_t page_kib, struct figures *f)
{
	static char buf[65536];
	struct timespec now;
	char path[128];
	const char *full;

	slurp("/proc/meminfo", buf, sizeof(buf));
	f->total_kib = number(buf, "MemTotal:");
	f->available_kib = number(buf, "MemAvailable:");
	f->cache_kib = number(buf, "\nCached:") + number(buf, "Buffers:") - number(buf, "Shmem:");
	f->swap_free_kib = number(buf, "SwapFree:");
	slurp("/proc/vmstat", buf, sizeof(buf));
	f->oom_kills = number(buf, "oom_kill ");
	slurp("/proc/pressure/memory", buf, sizeof(buf));
	f->some_us = number(buf, "total=");
	full = strstr(buf, "full");
	f->full_us = full ? number(full, "total=") : 0;
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
		 page_kib);
	slurp(path, buf, sizeof(buf));
	f->pages = strtoull(buf, NULL, 10);
	clock_gettime(CLOCK_MONOTONIC, &now);
	f->ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Pages of the pool of each node: [300, 298] */
static void print_nodes(uint64_t page_kib)
{
	char path[160], text[32];

	fputs(", \"pages_by_node\": [", stdout);
	for (int node = 0; node < 64; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/hugepages/hugepages-%" PRIu64
			 "kB/nr_hugepages", node, page_kib);
		slurp(path, text, sizeof(text));
		if (!text[0])
			break;
		printf("%s%" PRIu64, node ? ", " : "", number(text, ""));
	}
	putchar(']');
}

static uint64_t lost(uint64_t before, uint64_t after)
{
	return before > after ? (before - after) * 1024 : 0;
}

/* A document that the contender wrote. */
static void print_document(const char *key, const char *path)
{
	static char buf[262144];

	slurp(path, buf, sizeof(buf));
	for (char *c = buf; *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	printf(", \"%s\": %s", key, buf[0] ? buf : "null");
}

/* What a contender that failed said at last. */
static void print_error(void)
{
	static char buf[4096];

	slurp("/lab/err", buf, sizeof(buf));
	for (char *c = buf; *c; c++) {
		if (*c < ' ' || *c == '"' || *c == '\\')
			*c = ' ';
	}
	printf(", \"error\": \"%s\"", strlen(buf) > 300 ? buf + strlen(buf) - 300 : buf);
}

static int run(const char *program, char **argv)
{
	int status;

	if (vfork() == 0) {
		execl("/bin/sh", "sh", program, argv[1], argv[2], argv[3], (char *)NULL);
		_exit(127);
	}
	wait(&status);
	return status;
}

int main(int argc, char **argv)
{
	struct figures before, after;
	char options[1024] = "";
	uint64_t page_kib;
	int status;

	if (argc < 4)
		return 2;
	page_kib = strtoull(argv[2], NULL, 10);
	for (int i = 4; i < argc; i++) {
		strncat(options, argv[i], sizeof(options) - strlen(options) - 1);
		strncat(options, " ", sizeof(options) - strlen(options) - 1);
	}
	setenv("GUESTRAM_OPTIONS", options, 1);
	run("/lab/foretell", argv);
	look(page_kib, &before);
	status = run("/lab/contender", argv);
	look(page_kib, &after);
	printf("{\"contender\": \"%s\", \"wanted\": %s, \"pages\": %" PRIu64 ", \"elapsed_ns\": %" PRIu64
	       ", \"cache_lost_bytes\": %" PRIu64 ", \"swapped_bytes\": %" PRIu64
	       ", \"available_bytes\": %" PRIu64 ", \"stalled_some_us\": %" PRIu64
	       ", \"stalled_full_us\": %" PRIu64 ", \"oom_kills\": %" PRIu64 ", \"exit\": %d"
	       ", \"cache_before_bytes\": %" PRIu64,
	       argv[1], argv[3], after.pages - before.pages, after.ns - before.ns,
	       lost(before.cache_kib, after.cache_kib), lost(before.swap_free_kib, after.swap_free_kib),
	       after.available_kib * 1024, after.some_us - before.some_us,
	       after.full_us - before.full_us, after.oom_kills - before.oom_kills,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128, before.cache_kib * 1024);
	print_nodes(page_kib);
	if (status)
		print_error();
	print_document("report", "/lab/report");
	print_document("foretold", "/lab/foretold");
	puts("}");
	return 0;
}

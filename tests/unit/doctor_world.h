/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hosts for tests of the doctor: a temporary root with the few files that decide, a question, and
 * checks of what was found. Everything goes through the readers, so the tests see what a user sees.
 */
#ifndef GR_TESTS_DOCTOR_WORLD_H
#define GR_TESTS_DOCTOR_WORLD_H

#include "temp_root.h"

#include "base/size.h"
#include "base/util.h"
#include "doctor/doctor.h"
#include "doctor/words.h"
#include "guest/argv.h"

#define E01 "qemu-system-x86_64: unable to map backing store for guest RAM: Cannot allocate memory"
#define SMALL "2048kB"
#define LARGE "1048576kB"

struct pool_files {
	const char *size;
	int node; /* -1: global */
	unsigned long total, free;
	unsigned long reserved, surplus, overcommit;
};

static inline void put_number(const struct temp_root *dir, const char *below, const char *file,
			      unsigned long number)
{
	char path[256], text[32];

	snprintf(path, sizeof(path), "%s/%s", below, file);
	snprintf(text, sizeof(text), "%lu\n", number);
	temp_root_put(dir, path, text);
}

static inline void put_pool(const struct temp_root *dir, const struct pool_files *pool)
{
	char below[160];

	if (pool->node < 0)
		snprintf(below, sizeof(below), "sys/kernel/mm/hugepages/hugepages-%s", pool->size);
	else
		snprintf(below, sizeof(below),
			 "sys/devices/system/node/node%d/hugepages/hugepages-%s", pool->node,
			 pool->size);
	put_number(dir, below, "nr_hugepages", pool->total);
	put_number(dir, below, "free_hugepages", pool->free);
	put_number(dir, below, "surplus_hugepages", pool->surplus);
	if (pool->node >= 0)
		return;
	put_number(dir, below, "resv_hugepages", pool->reserved);
	put_number(dir, below, "nr_overcommit_hugepages", pool->overcommit);
}

#define POOL(dir, ...) put_pool(dir, &(struct pool_files){ __VA_ARGS__ })

/* @available_mib of 64 GiB, @blocks free ones of 4 MiB, one node, no huge page. */
static inline void put_host(const struct temp_root *dir, unsigned long available_mib,
			    unsigned long blocks)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "MemTotal: 67108864 kB\nMemFree: %lu kB\nMemAvailable: %lu kB\n"
		 "SwapTotal: 0 kB\nSwapFree: 0 kB\nHardwareCorrupted: 0 kB\n"
		 "CommitLimit: 33554432 kB\nCommitted_AS: 1048576 kB\nHugepagesize: 2048 kB\n",
		 available_mib * 1024, available_mib * 1024);
	temp_root_put(dir, "proc/meminfo", text);
	/* What is not in large blocks is in single pages. */
	snprintf(text, sizeof(text), "Node 0, zone   Normal %lu 0 0 0 0 0 0 0 0 0 %lu\n",
		 available_mib * 256 - gr_min_u64(available_mib * 256, blocks * 1024), blocks);
	temp_root_put(dir, "proc/buddyinfo", text);
	temp_root_put(dir, "proc/cmdline", "root=/dev/vda1 quiet\n");
	temp_root_put(dir, "proc/sys/vm/overcommit_memory", "0\n");
	temp_root_put(dir, "proc/sys/vm/compact_memory", "");
	temp_root_put(dir, "proc/sys/vm/memory_failure_recovery", "1\n");
	temp_root_put(dir, "sys/devices/system/node/node0/meminfo",
		      "Node 0 MemTotal: 67108864 kB\nNode 0 MemFree: 40000000 kB\n");
	temp_root_put(dir, "sys/devices/system/node/node0/cpulist", "0-3\n");
	POOL(dir, SMALL, -1, 0, 0);
	POOL(dir, LARGE, -1, 0, 0);
}

static inline void put_mounts(const struct temp_root *dir, const char *hugetlbfs)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "20 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
		 "21 20 0:20 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n%s",
		 hugetlbfs);
	temp_root_put(dir, "proc/self/mountinfo", text);
}

#define MOUNT_2M "30 20 0:30 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M\n"
#define MOUNT_1G "31 20 0:31 / /dev/hugepages1G rw - hugetlbfs hugetlbfs rw,pagesize=1024M\n"

/* A directory, with a mode. */
static inline void put_directory(const struct temp_root *dir, const char *path, mode_t mode)
{
	char full[512];

	temp_root_path(dir, path, full, sizeof(full));
	mkdir(full, 0755);
	assert_int_equal(chmod(full, mode), 0);
}

static inline void put_daemon(const struct temp_root *dir, const char *mounts)
{
	temp_root_put(dir, "proc/stat", "btime 1700000000\n");
	temp_root_put(dir, "proc/77/stat",
		      "77 (virtqemud) S 1 77 77 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n");
	temp_root_put(dir, "proc/77/mountinfo", mounts);
}

enum description { NOTHING, ARGV, XML, PID };

struct answer {
	struct gr_diagnoses found;
	struct gr_log log;
};

/* @text: a command line, XML, or a pid in digits; @message: a log, or NULL. */
static inline struct answer ask(const struct temp_root *dir, enum description kind,
				const char *text, const char *message)
{
	_cleanup_intent_ struct gr_intent intent = { 0 };
	struct gr_host *host = NULL;
	struct gr_error err = { 0 };
	struct answer answer = { 0 };
	struct gr_doctor_input input = { .intent = &intent };
	char **words;
	size_t count;
	int r = gr_host_read(dir->root, GR_READ_ALL, &host, &err);

	assert_int_equal(r, 0);
	if (kind == ARGV) {
		assert_int_equal(gr_words_split(text, strlen(text), &words, &count), 0);
		r = gr_intent_argv(words, host, &intent, &err);
		gr_argv_free(words);
	} else if (kind == XML) {
		r = gr_intent_domain(text, strlen(text), host, &intent, &err);
	} else if (kind == PID) {
		r = gr_intent_pid(dir->root, atoi(text), host, &intent, &err);
	}
	if (r < 0)
		fail_msg("%s", err.message);
	if (message) {
		assert_int_equal(gr_log_read(message, strlen(message), &answer.log), 0);
		input.log = &answer.log;
	}
	r = gr_doctor(dir->root, &host, &input, &answer.found, &err);
	if (r < 0)
		fail_msg("%s", err.message);
	gr_host_free(host);
	return answer;
}

static inline void print_found(const struct answer *answer)
{
	for (size_t i = 0; i < answer->found.count; i++) {
		const struct gr_diagnosis *item = &answer->found.items[i];

		print_message("%s %s | %s | %s\n", item->code, item->cause,
			      item->evidence ? item->evidence : "",
			      item->remedy ? item->remedy : "");
	}
}

static inline const struct gr_diagnosis *find(const struct answer *answer, const char *code)
{
	for (size_t i = 0; i < answer->found.count; i++) {
		if (!strcmp(answer->found.items[i].code, code))
			return &answer->found.items[i];
	}
	return NULL;
}

/* A finding with that code says @part somewhere. */
static inline void expect(const struct answer *answer, const char *code, const char *part)
{
	for (size_t i = 0; i < answer->found.count; i++) {
		const struct gr_diagnosis *item = &answer->found.items[i];

		if (strcmp(item->code, code) != 0)
			continue;
		if (strstr(item->cause, part) || (item->evidence && strstr(item->evidence, part)) ||
		    (item->remedy && strstr(item->remedy, part)))
			return;
	}
	print_found(answer);
	fail_msg("no %s says '%s'", code, part);
}

static inline void expect_none(const struct answer *answer, const char *code)
{
	if (!find(answer, code))
		return;
	print_found(answer);
	fail_msg("%s is there", code);
}

/* The codes of all findings but information, in their order. */
static inline void expect_codes(const struct answer *answer, const char *codes)
{
	char text[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < answer->found.count; i++) {
		if (answer->found.items[i].severity > GR_INFO)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len ? " " : "", answer->found.items[i].code);
	}
	if (strcmp(text, codes) != 0)
		print_found(answer);
	assert_string_equal(text, codes);
}

static inline void finish(struct answer *answer)
{
	gr_diagnoses_done(&answer->found);
	gr_log_done(&answer->log);
}

#endif

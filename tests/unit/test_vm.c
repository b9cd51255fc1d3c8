// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The micro-VM touches what it is given, seen from the host's own page tables: every page of an
 * untouched anonymous mapping is present afterwards, none before, and what they held is there
 * still. Needs /dev/kvm for the half that runs a guest; GUESTRAM_MUST_RUN=1 forbids to skip it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "vm/vm.h"
#include "vm/vm_private.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define PAGE 4096u
#define PAGEMAP_PRESENT (1ull << 63)

struct ram {
	struct gr_vm_region regions[2];
};

/* Two halves with a hole between them, the second above 4 GiB. */
static void ram_map(struct ram *ram, uint64_t size_bytes)
{
	static const uint64_t guest_phys[] = { 0, 4 * GIB + 6 * MIB };

	for (size_t i = 0; i < 2; i++) {
		void *p = mmap(NULL, size_bytes / 2, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		assert_ptr_not_equal(p, MAP_FAILED);
		/* EINVAL: a kernel without huge pages, which is as well. */
		if (madvise(p, size_bytes / 2, MADV_NOHUGEPAGE) < 0)
			assert_int_equal(errno, EINVAL);
		ram->regions[i] = (struct gr_vm_region){ .host = p, .guest_phys = guest_phys[i],
							 .size_bytes = size_bytes / 2 };
	}
}

static void ram_unmap(struct ram *ram)
{
	for (size_t i = 0; i < 2; i++)
		munmap(ram->regions[i].host, ram->regions[i].size_bytes);
}

static uint64_t present_by_mincore(const struct gr_vm_region *region)
{
	size_t pages = region->size_bytes / PAGE;
	unsigned char *vec = malloc(pages);
	uint64_t n = 0;

	assert_non_null(vec);
	assert_int_equal(mincore(region->host, region->size_bytes, vec), 0);
	for (size_t i = 0; i < pages; i++)
		n += vec[i] & 1;
	free(vec);
	return n;
}

static uint64_t present_by_pagemap(const struct gr_vm_region *region)
{
	size_t pages = region->size_bytes / PAGE;
	uint64_t *entries = malloc(pages * sizeof(*entries));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t n = 0;

	assert_non_null(entries);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, entries, pages * sizeof(*entries),
			       (off_t)((uintptr_t)region->host / PAGE * sizeof(*entries))),
			 pages * sizeof(*entries));
	for (size_t i = 0; i < pages; i++)
		n += (entries[i] & PAGEMAP_PRESENT) != 0;
	close(fd);
	free(entries);
	return n;
}

static void assert_present(const struct ram *ram, bool all)
{
	for (size_t i = 0; i < 2; i++) {
		uint64_t want = all ? ram->regions[i].size_bytes / PAGE : 0;

		assert_int_equal(present_by_mincore(&ram->regions[i]), want);
		assert_int_equal(present_by_pagemap(&ram->regions[i]), want);
	}
}

static void assert_all_zero(const struct gr_vm_region *region)
{
	const uint64_t *words = region->host;

	for (size_t i = 0; i < region->size_bytes / sizeof(*words); i++)
		assert_int_equal(words[i], 0);
}

/* -1 after a skip. */
static int kvm_open(void)
{
	const char *must = getenv("GUESTRAM_MUST_RUN");
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (must && strcmp(must, "1") == 0)
		fail_msg("/dev/kvm: %s, and GUESTRAM_MUST_RUN=1", strerror(errno));
	print_message("skipped: /dev/kvm: %s\n", strerror(errno));
	skip();
	return -1;
}

static void assert_full_report(const struct gr_vm_report *report, uint64_t bytes, bool kvm)
{
	assert_int_equal(report->kvm, kvm);
	assert_int_equal(report->touched_bytes, bytes);
	assert_int_equal(report->touch_step_bytes, PAGE);
	assert_true(report->elapsed_ns > 0);
	if (kvm)
		assert_true(report->instructions_hint > bytes / PAGE);
	else
		assert_int_equal(report->instructions_hint, 0);
	if (report->stats_known) {
		assert_true(kvm);
		assert_true(report->pages_4k * PAGE + report->pages_2m * 2 * MIB +
			    report->pages_1g * GIB >= bytes);
	} else {
		assert_int_equal(report->pages_4k | report->pages_2m | report->pages_1g, 0);
	}
}

static void guest_touches_every_page(void **state)
{
	struct gr_vm_report report = { 0 };
	struct gr_error err = { 0 };
	struct ram ram;
	int fd = kvm_open();

	ram_map(&ram, 64 * MIB);
	assert_present(&ram, false);
	assert_int_equal(gr_vm_run(fd, ram.regions, 2, NULL, &report, &err), 0);
	assert_present(&ram, true);
	assert_full_report(&report, 64 * MIB, true);
	/* Code and page tables were in there, and are gone. */
	assert_all_zero(&ram.regions[0]);
	assert_all_zero(&ram.regions[1]);
	ram_unmap(&ram);
	close(fd);
}

static void guest_leaves_contents_alone(void **state)
{
	struct gr_vm_report report = { 0 };
	struct gr_error err = { 0 };
	struct ram ram;
	uint64_t *words;
	int fd = kvm_open();

	ram_map(&ram, 4 * MIB);
	words = ram.regions[1].host;
	for (size_t i = 0; i < 2 * MIB / sizeof(*words); i++)
		words[i] = i * 0x9e3779b97f4a7c15ull;
	assert_int_equal(gr_vm_run(fd, ram.regions, 2, NULL, &report, &err), 0);
	for (size_t i = 0; i < 2 * MIB / sizeof(*words); i++)
		assert_int_equal(words[i], i * 0x9e3779b97f4a7c15ull);
	ram_unmap(&ram);
	close(fd);
}

/* Regions that are no multiple of the guest's stride, nor of its 2 MiB page table entries; the
 * first is too small for code and tables, and no region is at address 0. */
static void guest_takes_odd_regions(void **state)
{
	struct gr_vm_report report = { 0 };
	struct gr_error err = { 0 };
	struct gr_vm_region regions[3];
	struct ram ram;
	int fd = kvm_open();

	ram_map(&ram, 8 * MIB);
	regions[0] = (struct gr_vm_region){ .host = ram.regions[0].host, .size_bytes = 3 * PAGE,
					    .guest_phys = 600 * GIB - PAGE };
	regions[1] = (struct gr_vm_region){ .host = (char *)ram.regions[0].host + 16 * PAGE,
					    .guest_phys = 7 * PAGE, .size_bytes = 101 * PAGE };
	regions[2] = (struct gr_vm_region){ .host = ram.regions[1].host, .size_bytes = 4 * MIB,
					    .guest_phys = 3 * GIB - 4 * MIB + PAGE };
	assert_int_equal(gr_vm_run(fd, regions, 3, NULL, &report, &err), 0);
	assert_full_report(&report, 104 * PAGE + 4 * MIB, true);
	assert_int_equal(present_by_pagemap(&ram.regions[0]), 104);
	assert_int_equal(present_by_pagemap(&ram.regions[1]), 4 * MIB / PAGE);
	ram_unmap(&ram);
	close(fd);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	alarms++;
}

static void guest_survives_signals(void **state)
{
	const struct itimerval every_ms = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 };
	const struct itimerval never = { 0 };
	const struct sigaction act = { .sa_handler = on_alarm }; /* no SA_RESTART */
	struct gr_vm_report report = { 0 };
	struct gr_error err = { 0 };
	struct sigaction old;
	struct ram ram;
	int fd = kvm_open();
	int r;

	ram_map(&ram, 64 * MIB);
	alarms = 0;
	assert_int_equal(sigaction(SIGALRM, &act, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every_ms, NULL), 0);
	r = gr_vm_run(fd, ram.regions, 2, NULL, &report, &err);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	assert_int_equal(r, 0);
	assert_true(alarms > 0);
	assert_full_report(&report, 64 * MIB, true);
	ram_unmap(&ram);
	close(fd);
}

/* An address whose host page cannot be had is an error of the run, not a signal. */
static void guest_without_a_page(void **state)
{
	struct gr_vm_report report = { .touched_bytes = 42 };
	struct gr_error err = { 0 };
	struct ram ram;
	int fd = kvm_open();

	ram_map(&ram, 8 * MIB);
	assert_int_equal(mprotect((char *)ram.regions[1].host + MIB, PAGE, PROT_NONE), 0);
	assert_int_equal(gr_vm_run(fd, ram.regions, 2, NULL, &report, &err), -EFAULT);
	assert_int_equal(err.class, GR_CLASS_HOST);
	assert_non_null(strstr(err.message, "no page"));
	assert_int_equal(report.touched_bytes, 42);
	assert_all_zero(&ram.regions[0]);
	ram_unmap(&ram);
	close(fd);
}

static void process_touches_every_page(void **state)
{
	struct gr_vm_report report = { 0 };
	struct gr_error err = { 0 };
	struct ram ram;

	ram_map(&ram, 64 * MIB);
	assert_present(&ram, false);
	assert_int_equal(gr_vm_touch(ram.regions, 2, &report, &err), 0);
	assert_present(&ram, true);
	assert_full_report(&report, 64 * MIB, false);
	*(uint64_t *)ram.regions[0].host = 0x1234;
	assert_int_equal(gr_vm_touch(ram.regions, 2, &report, &err), 0);
	assert_int_equal(*(uint64_t *)ram.regions[0].host, 0x1234);
	ram_unmap(&ram);
}

static void assert_refused(const struct gr_vm_region *regions, size_t count, const char *word)
{
	struct gr_vm_report report = { .touched_bytes = 42 };
	struct gr_error err = { 0 };

	assert_int_equal(gr_vm_touch(regions, count, &report, &err), -EINVAL);
	assert_int_equal(err.class, GR_CLASS_USAGE);
	assert_non_null(strstr(err.message, word));
	/* What cannot be is said before it is looked whether there is a KVM. */
	err = (struct gr_error){ 0 };
	assert_int_equal(gr_vm_run(-ENOENT, regions, count, NULL, &report, &err), -EINVAL);
	assert_int_equal(err.class, GR_CLASS_USAGE);
	assert_non_null(strstr(err.message, word));
	assert_int_equal(report.touched_bytes, 42);
	assert_int_equal(gr_vm_run(-ENOENT, regions, count, NULL, &report, NULL), -EINVAL);
}

static void impossible_regions(void **state)
{
	struct gr_vm_region bad[2];
	struct ram ram;

	ram_map(&ram, 8 * MIB);
	assert_refused(ram.regions, 0, "no guest RAM");
	assert_refused(NULL, 0, "no guest RAM");
	memcpy(bad, ram.regions, sizeof(bad));
	bad[1].size_bytes = 0;
	assert_refused(bad, 2, "region 1 of guest RAM is empty");
	bad[1] = ram.regions[1];
	bad[1].host = NULL;
	assert_refused(bad, 2, "empty");
	bad[1] = ram.regions[1];
	bad[1].size_bytes -= 8;
	assert_refused(bad, 2, "whole pages");
	bad[1] = ram.regions[1];
	bad[1].guest_phys += 2048;
	assert_refused(bad, 2, "whole pages");
	bad[1] = ram.regions[1];
	bad[1].host = (char *)bad[1].host + 16;
	assert_refused(bad, 2, "whole pages");
	bad[1] = ram.regions[1];
	bad[1].guest_phys = 2 * MIB;
	assert_refused(bad, 2, "regions 0 and 1 overlap");
	bad[1].guest_phys = UINT64_MAX - PAGE + 1;
	assert_refused(bad, 2, "beyond the address space");
	ram_unmap(&ram);
}

/* What only the guest cannot have: no room for its code, addresses beyond its page tables. */
static void impossible_guests(void **state)
{
	struct gr_vm_report report = { .touched_bytes = 42 };
	struct gr_error err = { 0 };
	struct gr_vm_region region;
	struct ram ram;
	int fd = kvm_open();

	ram_map(&ram, 8 * MIB);
	region = ram.regions[0];
	region.size_bytes = PAGE;
	assert_int_equal(gr_vm_run(fd, &region, 1, NULL, &report, &err), -EINVAL);
	assert_int_equal(err.class, GR_CLASS_USAGE);
	region = ram.regions[0];
	region.guest_phys = (1ull << 47) - MIB;
	assert_int_equal(gr_vm_run(fd, &region, 1, NULL, &report, &err), -EINVAL);
	assert_int_equal(err.class, GR_CLASS_USAGE);
	assert_int_equal(report.touched_bytes, 42);
	ram_unmap(&ram);
	close(fd);
}

static void no_kvm(void **state)
{
	struct gr_vm_report report = { .touched_bytes = 42 };
	struct gr_error err = { 0 };
	struct ram ram;
	int fd;

	ram_map(&ram, 8 * MIB);
	assert_int_equal(gr_vm_run(-ENOENT, ram.regions, 2, NULL, &report, &err), -ENOENT);
	assert_int_equal(err.class, GR_CLASS_HOST);
	assert_true(err.hint[0] != '\0');
	assert_int_equal(gr_vm_run(-EACCES, ram.regions, 2, NULL, &report, &err), -EACCES);
	assert_int_equal(gr_vm_run(-EPERM, ram.regions, 2, NULL, &report, &err), -EACCES);
	assert_int_equal(err.class, GR_CLASS_HOST);
	fd = memfd_create("not-kvm", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(gr_vm_run(fd, ram.regions, 2, NULL, &report, &err), -ENOTTY);
	assert_int_equal(err.class, GR_CLASS_SYSTEM);
	close(fd);
	assert_int_equal(report.touched_bytes, 42);
	assert_present(&ram, false);
	ram_unmap(&ram);
}

/* A file of statistics as KVM lays it out, with a stranger between those that are wanted. */
#define NAME_BYTES 48u

static int stats_file(const char *const names[], const uint64_t values[], size_t count)
{
	const struct kvm_stats_header header = { .name_size = NAME_BYTES,
						 .num_desc = (uint32_t)count,
						 .id_offset = sizeof(header),
						 .desc_offset = sizeof(header) + NAME_BYTES,
						 .data_offset = 4096 };
	int fd = memfd_create("stats", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	for (size_t i = 0; i < count; i++) {
		const struct kvm_stats_desc desc = { .size = 1,
						     .offset = (uint32_t)(i * sizeof(values[0])) };
		off_t at = (off_t)(header.desc_offset + i * (sizeof(desc) + NAME_BYTES));
		char name[NAME_BYTES] = "";

		strncpy(name, names[i], sizeof(name) - 1);
		assert_int_equal(pwrite(fd, &desc, sizeof(desc), at), sizeof(desc));
		assert_int_equal(pwrite(fd, name, sizeof(name), at + (off_t)sizeof(desc)),
				 sizeof(name));
	}
	assert_int_equal(pwrite(fd, values, count * sizeof(values[0]), header.data_offset),
			 count * sizeof(values[0]));
	return fd;
}

static void stats_known_and_unknown(void **state)
{
	static const char *const names[] = { "remote_tlb_flush", "pages_4k", "pages_2m",
					     "nx_lpage_splits", "pages_1g" };
	static const uint64_t some[] = { 77, 5, 4091, 78, 3 }, none[] = { 77, 0, 0, 78, 0 };
	const struct gr_vm_report before = { .kvm = true, .touched_bytes = 42 };
	struct gr_vm_report report = before;
	int fd;

	fd = stats_file(names, some, 5);
	gr_vm_take_stats(fd, &report);
	assert_true(report.stats_known && report.kvm);
	assert_int_equal(report.pages_4k, 5);
	assert_int_equal(report.pages_2m, 4091);
	assert_int_equal(report.pages_1g, 3);
	assert_int_equal(report.touched_bytes, 42);
	close(fd);

	/* Nothing counted; one of the three missing; cut short; no such file. */
	report = before;
	fd = stats_file(names, none, 5);
	gr_vm_take_stats(fd, &report);
	close(fd);
	fd = stats_file(names, some, 4);
	gr_vm_take_stats(fd, &report);
	close(fd);
	fd = stats_file(names, some, 5);
	assert_int_equal(ftruncate(fd, 4096 + 8), 0);
	gr_vm_take_stats(fd, &report);
	assert_int_equal(ftruncate(fd, 100), 0);
	gr_vm_take_stats(fd, &report);
	assert_int_equal(ftruncate(fd, 0), 0);
	gr_vm_take_stats(fd, &report);
	close(fd);
	gr_vm_read_stats(-1, &report);
	assert_memory_equal(&report, &before, sizeof(report));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process_touches_every_page),
		cmocka_unit_test(impossible_regions),
		cmocka_unit_test(no_kvm),
		cmocka_unit_test(stats_known_and_unknown),
		cmocka_unit_test(guest_touches_every_page),
		cmocka_unit_test(guest_leaves_contents_alone),
		cmocka_unit_test(guest_takes_odd_regions),
		cmocka_unit_test(guest_survives_signals),
		cmocka_unit_test(guest_without_a_page),
		cmocka_unit_test(impossible_guests),
	};

	return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mapping and populating on the real kernel, without huge pages of the pool (tests/bats has those):
 * alignment and advice before the first touch, every page present and zero afterwards, the way of
 * kernels without MADV_POPULATE_WRITE (a seccomp filter takes it away), a page that cannot be had.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/size.h"
#include "base/util.h"
#include "ram/ram.h"

static const struct gr_ram_options base_options = {
	.backing = GR_BACKING_4K,
	.page_size_bytes = 4096,
	.base_page_bytes = 4096,
	.size_bytes = 80 * GR_MIB,
	.name = "test",
};

static size_t count_present(const struct gr_ram *ram)
{
	size_t pages = ram->size_bytes / 4096, present = 0;
	_cleanup_free_ unsigned char *map = malloc(pages);

	assert_int_equal(mincore(ram->base, ram->size_bytes, map), 0);
	for (size_t i = 0; i < pages; i++)
		present += map[i] & 1;
	return present;
}

static void populate_and_check(const struct gr_ram_options *options, unsigned int threads)
{
	struct gr_populate_options populate = { .threads = threads };
	struct gr_ram ram;
	uint64_t elapsed = 0;

	assert_int_equal(gr_ram_map(options, &ram, NULL), 0);
	assert_int_equal(count_present(&ram), 0);
	assert_int_equal(gr_ram_populate(&ram, &populate, &elapsed, NULL), 0);
	assert_true(elapsed > 0);
	assert_int_equal(count_present(&ram), ram.size_bytes / 4096);
	for (size_t i = 0; i < ram.size_bytes; i += 4096)
		assert_int_equal(((char *)ram.base)[i], 0);
	gr_ram_unmap(&ram);
}

static void test_populate(void **state)
{
	struct gr_ram_options options = base_options;

	populate_and_check(&options, 1);
	populate_and_check(&options, 3);
	options.as_file = true;
	populate_and_check(&options, 2);
}

static void test_thp_is_aligned(void **state)
{
	struct gr_ram_options options = base_options;
	struct gr_ram ram;

	options.backing = GR_BACKING_THP;
	options.page_size_bytes = 2 * GR_MIB;
	options.size_bytes = 5 * GR_MIB;
	assert_int_equal(gr_ram_map(&options, &ram, NULL), 0);
	assert_int_equal((uintptr_t)ram.base % (2 * GR_MIB), 0);
	assert_int_equal(ram.size_bytes, 6 * GR_MIB);
	gr_ram_unmap(&ram);
	assert_null(ram.base);
}

static void test_bad_sizes(void **state)
{
	struct gr_ram_options options = base_options;
	struct gr_ram ram;

	options.size_bytes = 0;
	assert_int_equal(gr_ram_map(&options, &ram, NULL), -EINVAL);
	options.size_bytes = UINT64_MAX;
	assert_int_equal(gr_ram_map(&options, &ram, NULL), -EINVAL);
	options.size_bytes = GR_MIB;
	options.page_size_bytes = 3000;
	assert_int_equal(gr_ram_map(&options, &ram, NULL), -EINVAL);
}

static void test_interrupted(void **state)
{
	volatile int interrupted = 2;
	struct gr_populate_options populate = { .threads = 1, .interrupted = &interrupted };
	struct gr_ram ram;

	assert_int_equal(gr_ram_map(&base_options, &ram, NULL), 0);
	assert_int_equal(gr_ram_populate(&ram, &populate, NULL, NULL), -EINTR);
	gr_ram_unmap(&ram);
}

/* Makes madvise(.., MADV_POPULATE_WRITE) fail as it does before Linux 5.14. */
static void take_populate_away(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 23, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = GR_ARRAY_SIZE(filter), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) < 0)
		_exit(3);
}

/* Runs @check in a child without MADV_POPULATE_WRITE; its exit code must be 0. */
static void in_old_kernel(int (*check)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		take_populate_away();
		_exit(check());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int old_populate(void)
{
	struct gr_populate_options populate = { .threads = 2 };
	struct gr_ram ram;

	if (gr_ram_map(&base_options, &ram, NULL) < 0 ||
	    gr_ram_populate(&ram, &populate, NULL, NULL) < 0)
		return 1;
	return count_present(&ram) == ram.size_bytes / 4096 ? 0 : 2;
}

/* A shared file that somebody uses already: populating behind him must not change it. */
static int old_populate_behind(void)
{
	struct gr_ram_options options = base_options;
	struct gr_populate_options populate = { .threads = 2 };
	struct gr_ram ram;

	options.as_file = true;
	if (gr_ram_map(&options, &ram, NULL) < 0)
		return 1;
	memset(ram.base, 0xaa, ram.size_bytes / 2);
	if (gr_ram_populate(&ram, &populate, NULL, NULL) < 0)
		return 2;
	if (count_present(&ram) != ram.size_bytes / 4096)
		return 3;
	for (size_t i = 0; i < ram.size_bytes; i += 4096) {
		if (((unsigned char *)ram.base)[i] != (i < ram.size_bytes / 2 ? 0xaa : 0))
			return 4;
	}
	return 0;
}

/* A file cut short under the mapping: touching it is SIGBUS, populating it an error. */
static int no_page(void)
{
	struct gr_ram_options options = base_options;
	struct gr_populate_options populate = { .threads = 2 };
	struct gr_error err;
	struct gr_ram ram;

	options.as_file = true;
	if (gr_ram_map(&options, &ram, NULL) < 0 || ftruncate(ram.fd, 4 * GR_MIB) < 0)
		return 1;
	if (gr_ram_populate(&ram, &populate, NULL, &err) != -EFAULT)
		return 2;
	return err.class == GR_CLASS_HOST && err.message[0] ? 0 : 3;
}

static void test_old_kernel(void **state)
{
	in_old_kernel(old_populate);
	in_old_kernel(old_populate_behind);
	assert_int_equal(old_populate_behind(), 0);
	in_old_kernel(no_page);
	assert_int_equal(no_page(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_populate),    cmocka_unit_test(test_thp_is_aligned),
		cmocka_unit_test(test_bad_sizes),   cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_old_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

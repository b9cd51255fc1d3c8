// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which huge pages a boot was asked for: kernel command lines as people wrote them, with what the
 * kernel makes of them (mm/hugetlb.c), and sysctl files.
 */
#include "temp_root.h"

#include "base/size.h"
#include "base/util.h"
#include "host/boot_pools.h"

static const uint64_t sizes[] = { 2 * GR_MIB, GR_GIB };

/* "2M:-1:512 1G:0:4", in the order of the line. */
static void assert_line(const char *line, const char *pools, size_t ignored)
{
	_cleanup_boot_pools_ struct gr_boot_pools got = { 0 };
	char text[512] = "", size[GR_TEXT_MAX];
	size_t len = 0;

	assert_int_equal(gr_boot_line_parse(line, 2 * GR_MIB, sizes, GR_ARRAY_SIZE(sizes), &got),
			 0);
	for (size_t i = 0; i < got.count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s:%d:%llu",
					i ? " " : "",
					gr_size_arg(got.pools[i].page_size_bytes, size),
					got.pools[i].node, (unsigned long long)got.pools[i].pages);
	assert_string_equal(text, pools);
	assert_int_equal(got.ignored_count, ignored);
}

static void plain_lines(void **state)
{
	assert_line("", "", 0);
	assert_line("root=/dev/sda1 quiet\n", "", 0);
	assert_line("hugepages=512", "2M:-1:512", 0);
	assert_line("hugepagesz=2M hugepages=512 hugepagesz=1G hugepages=4", "2M:-1:512 1G:-1:4",
		    0);
	assert_line("default_hugepagesz=1G hugepages=4", "1G:-1:4", 0);
	assert_line("default_hugepagesz=1G hugepagesz=1G hugepages=4", "1G:-1:4", 0);
	/* Before any size: the default size, even one that is named later. */
	assert_line("hugepages=4 default_hugepagesz=1G", "1G:-1:4", 0);
	assert_line("hugepages=64 hugepagesz=1G hugepages=4", "2M:-1:64 1G:-1:4", 0);
	/* Behind the dashes are the words of init. */
	assert_line("quiet -- hugepages=512", "", 0);
}

static void nodes(void **state)
{
	assert_line("hugepagesz=1G hugepages=0:1,1:3", "1G:0:1 1G:1:3", 0);
	assert_line("hugepages=0:256,1:128,", "2M:0:256 2M:1:128", 0);
	assert_line("hugepages=0:,1:3", "", 1);
	assert_line("hugepages=5,1:3", "2M:-1:5", 0);
	assert_line("hugepages=1:3,5", "", 1);
	assert_line("hugepages=99999999:3", "", 1);
}

/* A tool sorted the words: 1 GiB gets none, and the second count is ignored. */
static void sorted_words(void **state)
{
	_cleanup_boot_pools_ struct gr_boot_pools got = { 0 };

	assert_line("hugepagesz=1G hugepagesz=2M hugepages=24 hugepages=768", "2M:-1:24", 1);
	assert_int_equal(
		gr_boot_line_parse("hugepagesz=1G hugepagesz=2M hugepages=24 hugepages=768",
				   2 * GR_MIB, sizes, 2, &got),
		0);
	assert_non_null(strstr(got.ignored[0], "hugepages=768"));
	assert_non_null(strstr(got.ignored[0], "second count"));
}

static void ignored_words(void **state)
{
	assert_line("hugepagesz=16G hugepages=4", "", 2);
	/* Only one count is swallowed with the bad size. */
	assert_line("hugepagesz=16G hugepages=4 hugepages=5", "2M:-1:5", 2);
	assert_line("hugepagesz=2M hugepages=4 hugepagesz=2M hugepages=5", "2M:-1:4", 2);
	assert_line("hugepages=many", "", 1);
	assert_line("hugepages=-5", "", 1);
	assert_line("hugepages=", "", 1);
	assert_line("hugepages=64 hugepagesz=2M hugepages=8", "2M:-1:8", 1);
	assert_line("default_hugepagesz=1G default_hugepagesz=2M hugepages=3", "", 2);
}

static void sysctl_files(void **state)
{
	uint64_t pages = 7;

	assert_int_equal(gr_sysctl_parse("", &pages), -ENOENT);
	assert_int_equal(gr_sysctl_parse("#vm.nr_hugepages=5\nvm.nr_hugepages_mempolicy=3\n"
					 "vm.nr_hugepages = x\n",
					 &pages),
			 -ENOENT);
	assert_int_equal(pages, 7);
	assert_int_equal(
		gr_sysctl_parse("a=b\n -vm.nr_hugepages = 5 \nvm/nr_hugepages=6\r\n", &pages), 0);
	assert_int_equal(pages, 6);
}

static void read_of_a_host(void **state)
{
	struct temp_root *dir = *state;
	_cleanup_boot_pools_ struct gr_boot_pools got = { 0 }, more = { 0 };

	temp_root_put(dir, "proc/cmdline",
		      "hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=100\n");
	assert_int_equal(gr_boot_pools_read(dir->root, 2 * GR_MIB, sizes, 2, &got), 0);
	assert_int_equal(got.count, 2);
	assert_string_equal(got.pools[1].source, "boot line");
	/* By name over all directories, the same name only once, sysctl.conf last. */
	temp_root_put(dir, "etc/sysctl.d/90-vm.conf", "vm.nr_hugepages=300\n");
	temp_root_put(dir, "usr/lib/sysctl.d/99-vm.conf", "vm.nr_hugepages=200\n");
	temp_root_put(dir, "usr/lib/sysctl.d/90-vm.conf", "vm.nr_hugepages=1\n");
	temp_root_put(dir, "etc/sysctl.d/99-zz.txt", "vm.nr_hugepages=2\n");
	assert_int_equal(gr_boot_pools_read(dir->root, 2 * GR_MIB, sizes, 2, &more), 0);
	assert_int_equal(more.count, 2);
	assert_int_equal(more.pools[0].page_size_bytes, GR_GIB);
	assert_int_equal(more.pools[0].pages, 4);
	assert_int_equal(more.pools[1].pages, 200);
	assert_string_equal(more.pools[1].source, "sysctl");
	gr_boot_pools_done(&more);
	temp_root_put(dir, "etc/sysctl.conf", "vm.nr_hugepages=50\n");
	assert_int_equal(gr_boot_pools_read(dir->root, 2 * GR_MIB, sizes, 2, &more), 0);
	assert_int_equal(more.pools[1].pages, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines),	cmocka_unit_test(nodes),
		cmocka_unit_test(sorted_words), cmocka_unit_test(ignored_words),
		cmocka_unit_test(sysctl_files), IN_TEMP_ROOT(read_of_a_host),
	};

	return cmocka_run_group_tests_name("boot line", tests, NULL, NULL);
}

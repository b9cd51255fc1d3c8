// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parsers of src/verify, what is made of their figures, and the verdict: all from texts, as
 * they were seen on a 6.18 kernel. The page map is read from this very process, both ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/argv.h"
#include "verify/files.h"
#include "verify/findings.h"
#include "verify/numa_maps.h"
#include "verify/oracles.h"
#include "verify/pagemap.h"
#include "verify/pages.h"
#include "verify/process.h"
#include "verify/recognise.h"
#include "verify/smaps.h"

#define BASE (4 * GR_KIB)
#define PMD (2 * GR_MIB)

/* One VMA of 32 MiB at @start; @path has its own leading blanks. */
#define VMA(range, perms, file, page, figures, flags)                                              \
	range " " perms " " file "\n"                                                              \
	      "Size:              32768 kB\nKernelPageSize:     " page " kB\n"                      \
	      "MMUPageSize:        " page " kB\n" figures "VmFlags: " flags " \n"

#define HUGETLB_SHARED                                                                             \
	VMA("7f0000000000-7f0002000000", "rw-s", "00000000 00:11 700      /memfd:guestram:a (deleted)", \
	    "2048", "Rss: 0 kB\nPrivate_Hugetlb: 16384 kB\nShared_Hugetlb: 4096 kB\n",              \
	    "rd wr sh mr mw me ms de ht")
#define HUGETLB_SECOND                                                                             \
	VMA("7f0002000000-7f0004000000", "rw-s", "02000000 00:11 700      /memfd:guestram:a (deleted)", \
	    "2048", "Rss: 0 kB\nPrivate_Hugetlb: 2048 kB\n", "rd wr sh mr mw me ms de ht dd")
#define HUGETLB_PRIVATE                                                                            \
	VMA("7f0010000000-7f0012000000", "rw-p", "00000000 00:11 701      /memfd:guestram:b (deleted)", \
	    "2048", "Private_Hugetlb: 8192 kB\n", "rd wr mr mw me de ht")
#define ANON_MIXED                                                                                 \
	VMA("7f0020000000-7f0022000000", "rw-p", "00000000 00:00 0", "4",                          \
	    "Rss: 12288 kB\nAnonHugePages: 8192 kB\nSwap: 512 kB\nLocked: 100 kB\n",                \
	    "rd wr mr mw me hg")
#define SHMEM                                                                                      \
	VMA("7f0030000000-7f0032000000", "rw-s", "00000000 00:01 9   /memfd:guestram:c (deleted)", \
	    "4", "Rss: 8192 kB\nShmemPmdMapped: 2048 kB\n", "rd wr sh mr mw me ms")

static void parse(const char *text, struct gr_smaps *ret)
{
	_cleanup_free_ char *copy = strdup(text);
	struct gr_error err = { 0 };

	assert_non_null(copy);
	if (gr_smaps_parse(copy, ret, &err) < 0)
		fail_msg("%s", err.message);
}

static int parse_bad(const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	struct gr_smaps smaps = { 0 };
	int r = gr_smaps_parse(copy, &smaps, NULL);

	assert_null(smaps.vmas); /* untouched on failure */
	return r;
}

static void test_smaps(void **state)
{
	_cleanup_smaps_ struct gr_smaps smaps = { 0 };

	parse(HUGETLB_SHARED HUGETLB_PRIVATE ANON_MIXED SHMEM, &smaps);
	assert_int_equal(smaps.count, 4);
	assert_true(smaps.vmas[0].start == 0x7f0000000000 && gr_vma_bytes(&smaps.vmas[0]) == 32 * GR_MIB);
	assert_string_equal(smaps.vmas[0].path, "/memfd:guestram:a (deleted)");
	assert_true(smaps.vmas[0].shared && smaps.vmas[0].hugetlb);
	assert_int_equal(smaps.vmas[0].private_hugetlb_bytes, 16 * GR_MIB);
	assert_int_equal(smaps.vmas[0].kernel_page_bytes, PMD);
	assert_true(!smaps.vmas[1].shared && smaps.vmas[1].hugetlb);
	assert_int_equal(smaps.vmas[1].inode, 701);
	assert_true(smaps.vmas[2].advised_huge && !smaps.vmas[2].hugetlb);
	assert_string_equal(smaps.vmas[2].path, "");
	assert_int_equal(smaps.vmas[2].swap_bytes, 512 * GR_KIB);
	assert_int_equal(smaps.vmas[3].shmem_huge_bytes, 2 * GR_MIB);
}

static void test_smaps_malformed(void **state)
{
	assert_int_equal(parse_bad("Rss: 4 kB\n"), -EBADMSG);               /* before any VMA */
	assert_int_equal(parse_bad("2000-1000 rw-p 0 00:00 0\n"), -EBADMSG); /* ends before it starts */
	assert_int_equal(parse_bad("1000-2000 rw\n"), -EBADMSG);
	assert_int_equal(parse_bad("1000-3000 rw-p 0 00:00 0\n2000-3000 rw-p 0 00:00 0\n"), -EBADMSG);
	assert_int_equal(parse_bad("1000-2000 rw-p 0 00:00 0\nRss: 4 MB\n"), -EBADMSG);
	assert_int_equal(parse_bad("1000-2000 rw-p 0 00:00 0\nRss: 18446744073709551615 kB\n"),
			 -EBADMSG);
	assert_int_equal(parse_bad("1000-2000 rw-p 0 00:00 0\nnonsense\n"), -EBADMSG);
	assert_int_equal(parse_bad("1000-fffffffffffffffff rw-p 0 00:00 0\n"), -EBADMSG);
}

static void test_numa_maps(void **state)
{
	_cleanup_numa_maps_ struct gr_numa_maps maps = { 0 };
	char text[] = "7f0000000000 bind:0-1 file=/memfd:a\\040(deleted) huge dirty=9 N0=4 N1=5 "
		      "kernelpagesize_kB=2048\n"
		      "7f0020000000 default anon=2048 dirty=2048 active=0 N0=2048 kernelpagesize_kB=4\n"
		      "7f0030000000 prefer (many):0 stack\n";
	char no_size[] = "7f00 default N0=4\n", bad_node[] = "7f00 default N0=x kernelpagesize_kB=4\n";
	char bad_address[] = "default N0=1\n";
	struct gr_numa_maps none = { 0 };

	assert_int_equal(gr_numa_maps_parse(text, &maps, NULL), 0);
	assert_int_equal(maps.count, 3);
	assert_int_equal(maps.shares[0].bytes, 8 * GR_MIB);
	assert_int_equal(maps.shares[1].node, 1);
	assert_int_equal(maps.shares[1].bytes, 10 * GR_MIB);
	assert_int_equal(maps.shares[2].bytes, 8 * GR_MIB);
	assert_int_equal(gr_numa_maps_parse(no_size, &none, NULL), -EBADMSG);
	assert_int_equal(gr_numa_maps_parse(bad_node, &none, NULL), -EBADMSG);
	assert_int_equal(gr_numa_maps_parse(bad_address, &none, NULL), -EBADMSG);
	assert_null(none.shares);
}

static void test_stat(void **state)
{
	struct gr_stat stat = { .start_time = 1 };

	assert_int_equal(gr_stat_parse("42 (a) b (c)) S 1 2 3 0 -1 4 5 6 7 8 9 10 11 12 20 0 17 0 "
				       "4711 99\n", &stat), 0);
	assert_string_equal(stat.comm, "a) b (c)");
	assert_int_equal(stat.state, 'S');
	assert_int_equal(stat.threads, 17);
	assert_int_equal(stat.start_time, 4711);
	assert_int_equal(gr_stat_parse("42 (a) S 1 2", &stat), -EBADMSG);
	assert_int_equal(gr_stat_parse(")(", &stat), -EBADMSG);
	assert_int_equal(gr_stat_parse("", &stat), -EBADMSG);
	assert_int_equal(stat.start_time, 4711);
}

static void check_name(const char *cmdline, size_t len, const char *want)
{
	_cleanup_argv_ char **argv = NULL;
	_cleanup_free_ char *name = NULL;
	size_t count;

	assert_int_equal(gr_argv_split(cmdline, len, &argv, &count), 0);
	assert_int_equal(gr_argv_vm_name(argv, &name), want ? 0 : -ENOENT);
	if (want)
		assert_string_equal(name, want);
}
#define CHECK_NAME(text, want) check_name(text, sizeof(text) - 1, want)

static void test_names(void **state)
{
	CHECK_NAME("qemu-system-x86_64\0-name\0web,debug-threads=on\0", "web");
	CHECK_NAME("qemu-system-x86_64\0-name\0guest=a,,b,debug-threads=on\0", "a,b");
	CHECK_NAME("qemu-system-x86_64\0-name\0debug-threads=on\0", NULL);
	CHECK_NAME("firecracker\0--id=vm-7\0", "vm-7");
	CHECK_NAME("lkvm\0run\0--name\0x", "x");
	CHECK_NAME("qemu\0-name\0", NULL);
	CHECK_NAME("", NULL);
	assert_string_equal(gr_vmm_name("/usr/bin/qemu-system-x86_64 (deleted)", NULL, "web"), "qemu");
	assert_string_equal(gr_vmm_name("", "/opt/firecracker", "x"), "firecracker");
	assert_null(gr_vmm_name("/bin/bash", "bash", "bash"));
}

static void fill(const char *text, const char *numa_text, struct gr_region *ret)
{
	_cleanup_smaps_ struct gr_smaps smaps = { 0 };
	_cleanup_numa_maps_ struct gr_numa_maps numa = { 0 };
	_cleanup_free_ char *copy = numa_text ? strdup(numa_text) : NULL;

	parse(text, &smaps);
	if (copy)
		assert_int_equal(gr_numa_maps_parse(copy, &numa, NULL), 0);
	assert_int_equal(gr_region_fill(smaps.vmas, smaps.count, copy ? &numa : NULL, -1, BASE, PMD,
					ret),
			 0);
}

static void test_region_sizes(void **state)
{
	struct gr_region region;

	/* Touched hugetlb pages are not in Rss; Private_Hugetlb does not make a mapping private. */
	fill(HUGETLB_SHARED HUGETLB_SECOND,
	     "7f0000000000 default huge N0=10 kernelpagesize_kB=2048\n"
	     "7f0002000000 default huge N1=1 kernelpagesize_kB=2048\n"
	     "7f0020000000 default N0=5 kernelpagesize_kB=4\n", &region);
	assert_true(region.shared && region.hugetlb && region.size_bytes == 64 * GR_MIB);
	assert_int_equal(region.by_size_count, 1);
	assert_int_equal(region.by_size[0].page_size_bytes, PMD);
	assert_int_equal(region.by_size[0].bytes, 22 * GR_MIB);
	assert_int_equal(region.by_node_count, 2);
	assert_int_equal(region.by_node[0].bytes, 20 * GR_MIB);
	assert_int_equal(region.by_node[1].bytes, 2 * GR_MIB);
	gr_region_done(&region);

	fill(ANON_MIXED, NULL, &region);
	assert_false(region.by_node_known);
	assert_int_equal(region.by_size_count, 2);
	assert_int_equal(region.by_size[0].page_size_bytes, BASE);
	assert_int_equal(region.by_size[0].bytes, 4 * GR_MIB);
	assert_int_equal(region.by_size[1].bytes, 8 * GR_MIB);
	assert_int_equal(gr_region_huge_bytes(&region, BASE), 8 * GR_MIB);
	gr_region_done(&region);
}

static void test_region_file(void **state)
{
	struct gr_region region;
	uint64_t part;

	fill(HUGETLB_SHARED, NULL, &region);
	assert_int_equal(gr_region_add_file(&region, 32 * GR_MIB, -1), 0);
	assert_int_equal(region.populated_bytes, 32 * GR_MIB);
	assert_int_equal(region.mapped_bytes, 20 * GR_MIB);
	assert_int_equal(region.by_size_count, 1);
	assert_int_equal(region.by_size[0].bytes, 32 * GR_MIB);
	gr_region_done(&region);

	/* Shared memory that is not mapped here: its page size is unknown. */
	fill(SHMEM, "7f0030000000 default N0=2048 kernelpagesize_kB=4\n", &region);
	assert_int_equal(gr_region_add_file(&region, 9 * GR_MIB, -1), 0);
	assert_int_equal(region.by_size_count, 3);
	assert_int_equal(region.by_size[2].page_size_bytes, 0);
	assert_int_equal(region.by_size[2].bytes, GR_MIB);
	assert_int_equal(region.by_node[1].node, -1);
	gr_region_done(&region);

	/* The file's pages are not those of a private mapping. */
	fill(HUGETLB_PRIVATE, NULL, &region);
	assert_int_equal(gr_region_add_file(&region, 32 * GR_MIB, -1), 0);
	assert_int_equal(region.populated_bytes, 8 * GR_MIB);
	assert_int_equal(region.file_bytes, 32 * GR_MIB);
	gr_region_done(&region);

	assert_int_equal(gr_file_part(64, 32, 0, 64, &part), 0);
	assert_int_equal(part, 32);
	assert_int_equal(gr_file_part(64, 64, 48, 64, &part), 0);
	assert_int_equal(part, 16);
	assert_int_equal(gr_file_part(64, 32, 0, 32, &part), -ENODATA);
	assert_int_equal(gr_file_part(64, 0, 0, 32, &part), 0);
	assert_int_equal(part, 0);
}

static void recognise(const char *text, bool is_vm, uint64_t wanted, struct gr_smaps *smaps,
		      struct gr_spans *ret)
{
	parse(text, smaps);
	assert_int_equal(gr_recognise(smaps, is_vm, &wanted, wanted ? 1 : 0, ret), 0);
}

#define ANON(range, perms) range " " perms " 00000000 00:00 0\nKernelPageSize: 4 kB\n"

static void test_recognise(void **state)
{
	_cleanup_smaps_ struct gr_smaps smaps = { 0 };
	_cleanup_spans_ struct gr_spans spans = { 0 };

	/* By name; two VMAs of one file are one region; the anonymous one is none. */
	recognise(HUGETLB_SHARED HUGETLB_SECOND ANON_MIXED, false, 0, &smaps, &spans);
	assert_true(spans.recognised);
	assert_int_equal(spans.count, 1);
	assert_int_equal(spans.spans[0].count, 2);
	gr_spans_done(&spans);
	gr_smaps_done(&smaps);

	/* Nothing known: large mappings, and that is said. */
	recognise(ANON_MIXED ANON("7f0040000000-7f0040001000", "rw-p"), false, 0, &smaps, &spans);
	assert_false(spans.recognised);
	assert_int_equal(spans.count, 1);
	gr_spans_done(&spans);
	gr_smaps_done(&smaps);

	/* A wanted size inside a run of neighbours; executable memory is never RAM. */
	recognise(ANON("100000000-102000000", "rw-p") ANON("102000000-112000000", "rw-p")
		  ANON("120000000-130000000", "rwxp"), true, 256 * GR_MIB, &smaps, &spans);
	assert_true(spans.recognised);
	assert_int_equal(spans.count, 1);
	assert_int_equal(spans.spans[0].first, 1);
	assert_int_equal(spans.spans[0].count, 1);
	gr_spans_done(&spans);
	gr_smaps_done(&smaps);

	/* A size that nothing has says nothing; guard pages and small mappings stay out. */
	recognise(ANON("100000000-110000000", "rw-p") ANON("110000000-120000000", "---p")
		  ANON("130000000-130100000", "rw-p"), true, 777 * GR_MIB, &smaps, &spans);
	assert_int_equal(spans.count, 1);
	assert_int_equal(spans.spans[0].first, 0);
	gr_spans_done(&spans);

	/* By address nothing is guessed: what is mapped in the range, pieces apart. */
	assert_int_equal(gr_spans_in(&smaps, 0x100000000, 0x120000000, &spans), 0);
	assert_true(spans.recognised);
	assert_int_equal(spans.count, 1);
	assert_int_equal(spans.spans[0].count, 2);
	gr_spans_done(&spans);
	assert_int_equal(gr_spans_in(&smaps, 0x110000000, 0x140000000, &spans), 0);
	assert_int_equal(spans.count, 2);
	gr_spans_done(&spans);
	assert_int_equal(gr_spans_in(&smaps, 0x140000000, 0x150000000, &spans), 0);
	assert_false(spans.recognised);
	assert_int_equal(spans.count, 0);
	gr_smaps_done(&smaps);

	/* The map changed while it was read: a mapping that took in its neighbours is one. */
	recognise(ANON("100000000-110000000", "rw-p") ANON("120000000-130000000", "rw-p")
		  ANON("118000000-150000000", "rw-p"), true, 0, &smaps, &spans);
	assert_int_equal(smaps.count, 2);
	assert_true(smaps.vmas[1].start == 0x118000000 && smaps.vmas[1].end == 0x150000000);
}

static void test_recognise_alias(void **state)
{
	_cleanup_smaps_ struct gr_smaps smaps = { 0 };
	_cleanup_spans_ struct gr_spans spans = { 0 };

	recognise("100000000-102000000 rw-s 00000000 00:01 9 /memfd:x\nKernelPageSize: 4 kB\n"
		  "200000000-202000000 rw-s 00000000 00:01 9 /memfd:x\nKernelPageSize: 4 kB\n"
		  "300000000-302000000 rw-s 02000000 00:01 9 /memfd:x\nKernelPageSize: 4 kB\n"
		  "400000000-402000000 rw-s 00000000 00:01 9 /dev/vfio\nVmFlags: rd wr pf io\n",
		  true, 0, &smaps, &spans);
	assert_int_equal(spans.count, 2);
	assert_int_equal(spans.spans[1].first, 2);
}

static void test_oracles(void **state)
{
	struct gr_region now, before;

	fill(HUGETLB_SHARED, NULL, &now); /* 20 MiB mapped */
	gr_region_add_file(&now, 32 * GR_MIB, -1);
	now.scan_present_bytes = now.scan_huge_bytes = 20 * GR_MIB;
	assert_int_equal(gr_oracles_compare(&now, NULL, BASE), GR_ORACLES_AGREE);
	now.scan_present_bytes = now.scan_huge_bytes = 24 * GR_MIB;
	assert_int_equal(gr_oracles_compare(&now, NULL, BASE), GR_ORACLES_DISAGREE);
	before = now;
	before.scan_present_bytes = before.scan_huge_bytes = 10 * GR_MIB;
	/* It grew from 10 to 24 meanwhile. */
	assert_int_equal(gr_oracles_compare(&now, &before, BASE), GR_ORACLES_AGREE);
	before.scan_present_bytes = 22 * GR_MIB;
	assert_int_equal(gr_oracles_compare(&now, &before, BASE), GR_ORACLES_UNSETTLED);
	/* Nothing moves, and still they differ. */
	before = now;
	before.moved_bytes = 0;
	assert_int_equal(gr_oracles_compare(&now, &before, BASE), GR_ORACLES_DISAGREE);
	gr_region_done(&now);
}

static void inspection_of(const char *text, struct gr_inspection *ret)
{
	*ret = (struct gr_inspection){ .recognised = true, .region_count = 1 };
	ret->regions = calloc(1, sizeof(*ret->regions));
	assert_non_null(ret->regions);
	fill(text, NULL, &ret->regions[0]);
	assert_int_equal(gr_inspection_total(ret, BASE), 0);
}

static struct gr_inspection *inspection_new(const char *text)
{
	struct gr_inspection *inspection = calloc(1, sizeof(*inspection));

	assert_non_null(inspection);
	inspection_of(text, inspection);
	return inspection;
}

static void test_judge(void **state)
{
	_cleanup_inspection_ struct gr_inspection *shadowed = inspection_new(
		"7f0000000000-7f0200000000 rw-s 00000000 fe:00 77 /dev/hugepages/ram\n"
		"Size: 8388608 kB\nKernelPageSize: 4 kB\nRss: 8388608 kB\nVmFlags: rd wr sh\n");
	_cleanup_inspection_ struct gr_inspection *half = inspection_new(HUGETLB_PRIVATE);
	_cleanup_inspection_ struct gr_inspection *mixed = inspection_new(ANON_MIXED);
	struct gr_verdict verdict = { 0 };

	/* A plain directory where hugetlbfs should be mounted (kubevirt 18272). */
	assert_int_equal(gr_judge(shadowed, PMD, 100, &verdict), 0);
	assert_false(verdict.kept);
	assert_int_equal(verdict.got_bytes, 0);
	assert_non_null(strstr(verdict.message, "asked 2 MiB, got 4 KiB for 8192 MiB"));
	gr_verdict_done(&verdict);

	assert_int_equal(gr_judge(shadowed, BASE, 100, &verdict), 0);
	assert_true(verdict.kept);
	assert_string_equal(verdict.message, "8 GiB of 8 GiB on 4 KiB pages");
	gr_verdict_done(&verdict);

	assert_int_equal(gr_judge(half, PMD, 100, &verdict), 0);
	assert_false(verdict.kept);
	assert_non_null(strstr(verdict.message, "24 MiB not touched yet"));
	gr_verdict_done(&verdict);

	/* Transparent: a quarter of it is enough here. */
	assert_int_equal(gr_judge(mixed, PMD, 25, &verdict), 0);
	assert_true(verdict.kept);
	gr_verdict_done(&verdict);
	assert_int_equal(gr_judge(mixed, PMD, 26, &verdict), 0);
	assert_false(verdict.kept);
	assert_non_null(strstr(verdict.message, "got 4 KiB for 4 MiB"));
	gr_verdict_done(&verdict);

	mixed->recognised = false;
	assert_int_equal(gr_judge(mixed, PMD, 1, &verdict), 0);
	assert_false(verdict.kept);
	gr_verdict_done(&verdict);
}

static const struct gr_finding *find(const struct gr_inspection *inspection, const char *code)
{
	for (size_t i = 0; i < inspection->finding_count; i++) {
		if (!strcmp(inspection->findings[i].code, code))
			return &inspection->findings[i];
	}
	return NULL;
}

static void test_findings(void **state)
{
	_cleanup_inspection_ struct gr_inspection *shmem = inspection_new(
		"7f0030000000-7f0032000000 rw-s 00000000 00:01 9 /memfd:ch_ram (deleted)\n"
		"KernelPageSize: 4 kB\nRss: 32768 kB\nShmemPmdMapped: 0 kB\nVmFlags: rd wr sh\n");
	_cleanup_inspection_ struct gr_inspection *hugetlb = inspection_new(HUGETLB_PRIVATE);
	struct gr_setting settings[] = { { .key = (char *)"enabled", .value = (char *)"always" },
					 { .key = (char *)"shmem_enabled", .value = (char *)"never" } };
	struct gr_pool pools[] = { { .page_size_bytes = PMD, .node = -1, .total = 512, .surplus = 512 } };
	struct gr_host host = {
		.base_page_bytes = BASE,
		.thp = { .present = true, .pmd_size_bytes = PMD, .settings = settings, .count = 2 },
		.kvm = { .nx_huge_pages = (char *)"Y" },
		.pools = pools,
		.pool_count = 1,
	};

	assert_int_equal(gr_findings_make(&host, -ENOENT, shmem), 0);
	assert_non_null(find(shmem, GR_FINDING_SHMEM_THP_OFF));
	assert_non_null(strstr(find(shmem, GR_FINDING_SHMEM_THP_OFF)->message, "shmem_enabled=advise"));
	assert_non_null(find(shmem, GR_FINDING_ONE_ORACLE));
	assert_null(find(shmem, GR_FINDING_SURPLUS));
	assert_null(find(shmem, GR_FINDING_NX_SPLIT));

	hugetlb->uses_kvm = hugetlb->uses_vfio = true;
	hugetlb->regions[0].scan_known = hugetlb->scan_known = true;
	hugetlb->regions[0].agreement = GR_ORACLES_DISAGREE;
	hugetlb->regions[0].scan_huge_bytes = 0;
	hugetlb->regions[0].scan_present_bytes = hugetlb->regions[0].mapped_bytes;
	assert_int_equal(gr_findings_make(&host, -ENODATA, hugetlb), 0);
	assert_non_null(find(hugetlb, GR_FINDING_HUGE_BYTES));
	assert_null(find(hugetlb, GR_FINDING_PRESENT_BYTES));
	assert_non_null(find(hugetlb, GR_FINDING_PRIVATE_FILE));
	assert_non_null(find(hugetlb, GR_FINDING_NX_SPLIT));
	assert_non_null(find(hugetlb, GR_FINDING_SURPLUS));
	assert_non_null(find(hugetlb, GR_FINDING_STAGE2_UNKNOWN));
	assert_null(find(hugetlb, GR_FINDING_SHMEM_THP_OFF));
}

static void test_pagemap_count(void **state)
{
	const uint64_t present = UINT64_C(1) << 63, swap = UINT64_C(1) << 62;
	const uint64_t thp = UINT64_C(1) << 22, huge = UINT64_C(1) << 17, zero = UINT64_C(1) << 24;
	uint64_t entries[12], flags[12] = { 0 };
	struct gr_pagemap_bytes bytes;

	/* PMDs of four pages: an aligned one, one with frames out of line, then single pages. */
	for (size_t i = 0; i < 4; i++) {
		entries[i] = present | (64 + i);
		entries[4 + i] = present | (81 + i);
		flags[i] = flags[4 + i] = thp;
	}
	entries[8] = present | 7;
	flags[8] = zero;
	entries[9] = swap | 5;
	entries[10] = present | 9;
	flags[10] = huge;
	entries[11] = 0;
	gr_pagemap_count(entries, flags, 12, 0x100000, BASE, 4 * BASE, &bytes);
	assert_int_equal(bytes.huge_bytes, 5 * BASE);
	assert_int_equal(bytes.present_bytes, 9 * BASE);
	assert_int_equal(bytes.swapped_bytes, BASE);
}

/* The ioctl and the walk have to say the same of one and the same memory. */
static void test_pagemap_here(void **state)
{
	uint64_t base = (uint64_t)sysconf(_SC_PAGESIZE);
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int flags_fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	struct gr_pagemap_bytes scan, walk;
	char *p = mmap(NULL, 8 * PMD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start;

	assert_ptr_not_equal(p, MAP_FAILED);
	start = ((uintptr_t)p + PMD - 1) & ~(PMD - 1);
	madvise((void *)start, 2 * PMD, MADV_HUGEPAGE);
	memset((void *)start, 1, 2 * PMD + 5 * base);
	if (fd < 0 || gr_pagemap_scan(fd, start, start + 4 * PMD, &scan) < 0) {
		print_message("[  SKIPPED ] this kernel has no PAGEMAP_SCAN\n");
		skip();
	}
	assert_int_equal(scan.present_bytes, 2 * PMD + 5 * base);
	if (flags_fd < 0 ||
	    gr_pagemap_walk(fd, flags_fd, base, PMD, start, start + 4 * PMD, &walk) < 0) {
		print_message("[  SKIPPED ] /proc/kpageflags needs root\n");
		skip();
	}
	assert_int_equal(walk.present_bytes, scan.present_bytes);
	assert_int_equal(walk.huge_bytes, scan.huge_bytes);
	munmap(p, 8 * PMD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smaps),
		cmocka_unit_test(test_smaps_malformed),
		cmocka_unit_test(test_numa_maps),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_region_sizes),
		cmocka_unit_test(test_region_file),
		cmocka_unit_test(test_recognise),
		cmocka_unit_test(test_recognise_alias),
		cmocka_unit_test(test_oracles),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_pagemap_count),
		cmocka_unit_test(test_pagemap_here),
	};

	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}

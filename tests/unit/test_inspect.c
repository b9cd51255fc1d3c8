// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What inspect concludes: alignment of guest and host addresses, the second stage against the host,
 * conditions of --expect, and QMP answers as QEMU 7.2 gives them. No process and no socket here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/align.h"
#include "verify/collapse.h"
#include "verify/expect.h"
#include "verify/findings.h"
#include "verify/qmp_read.h"
#include "verify/stage2.h"

#define PMD (2 * GR_MIB)
#define HOST UINT64_C(0x7f0000000000) /* a multiple of 1 GiB */

static void test_slot_at_most(void **state)
{
	struct gr_slot slot = { .guest = GR_MIB, .host = HOST + GR_MIB, .size_bytes = 3 * GR_GIB };

	/* [1 MiB, 3 GiB + 1 MiB): the first and last page are cut, at both sizes. */
	assert_int_equal(gr_slot_at_most(&slot, PMD), 3 * GR_GIB - PMD);
	assert_int_equal(gr_slot_at_most(&slot, GR_GIB), 2 * GR_GIB);
	slot.host += PMD; /* same modulo 2 MiB, not modulo 1 GiB */
	assert_int_equal(gr_slot_at_most(&slot, PMD), 3 * GR_GIB - PMD);
	assert_int_equal(gr_slot_at_most(&slot, GR_GIB), 0);
	slot.host += 4096;
	assert_int_equal(gr_slot_at_most(&slot, PMD), 0);
	slot = (struct gr_slot){ .guest = PMD + 4096, .host = HOST + 4096, .size_bytes = PMD };
	assert_int_equal(gr_slot_at_most(&slot, PMD), 0); /* spans no whole page */
	slot = (struct gr_slot){ .guest = UINT64_MAX - 4095, .host = HOST, .size_bytes = PMD };
	assert_int_equal(gr_slot_at_most(&slot, PMD), 0);
	assert_int_equal(gr_slot_at_most(&slot, 0), 0);
	assert_int_equal(gr_page_of_level(4096, PMD), GR_GIB);
	assert_int_equal(gr_page_of_level(0, PMD), 0);
}

/* One region of @bytes at @start, all of it mapped on pages of @page. */
struct world {
	struct gr_inspection i;
	struct gr_region region[2];
	struct gr_bytes_by_size size[2];
	struct gr_bytes_by_node node[2];
	struct gr_qmp_facts qmp;
};

static void make_world(struct world *w, uint64_t start, uint64_t bytes, uint64_t page)
{
	*w = (struct world){ 0 };
	w->size[0] = (struct gr_bytes_by_size){ page, bytes };
	w->node[0] = (struct gr_bytes_by_node){ 0, bytes };
	w->region[0] = (struct gr_region){
		.start = start,
		.size_bytes = bytes,
		.path = (char *)"",
		.kernel_page_bytes = page,
		.hugetlb = page > 4096,
		.by_size = w->size,
		.by_size_count = 1,
		.by_node = w->node,
		.by_node_count = 1,
		.by_node_known = true,
		.populated_bytes = bytes,
		.mapped_bytes = bytes,
		.scan_known = true,
	};
	w->i = (struct gr_inspection){
		.pid = 42,
		.vmm = (char *)"qemu",
		.recognised = true,
		.fds_known = true,
		.uses_kvm = true,
		.ram_bytes = bytes,
		.regions = w->region,
		.region_count = 1,
		.base_page_bytes = 4096,
		.pmd_bytes = PMD,
		.pud_bytes = GR_GIB,
		.stage2_error = -ENOENT,
	};
}

static void done_world(struct world *w)
{
	for (size_t k = 0; k < w->i.finding_count; k++)
		free(w->i.findings[k].message);
	free(w->i.findings);
	for (size_t k = 0; k < w->i.region_count; k++)
		free(w->region[k].slots);
	w->i = (struct gr_inspection){ 0 };
}

static size_t derive(struct world *w, const char *const *argv, struct gr_slot *slots)
{
	_cleanup_qemu_ struct gr_qemu *qemu = NULL;

	assert_int_equal(gr_qemu_parse((char *const *)argv, &qemu, NULL), 0);
	return gr_align_derive(qemu, &w->i, slots);
}

static void test_derive(void **state)
{
	const char *const q35[] = { "/usr/bin/qemu-system-x86_64", "-M", "q35", "-m", "4G", NULL };
	const char *const pc[] = { "qemu-system-x86_64", "-m", "4G", NULL };
	const char *const small[] = {
		"qemu-system-x86_64", "-machine", "pc-q35-7.2", "-m", "2G", NULL
	};
	const char *const virt[] = { "qemu-system-aarch64", "-M", "virt", "-m", "4G", NULL };
	const char *const moved[] = {
		"qemu-system-x86_64", "-M", "q35,max-ram-below-4g=1G", "-m", "4G", NULL
	};
	const char *const other[] = { "qemu-system-x86_64", "-M", "microvm", "-m", "4G", NULL };
	struct gr_slot slots[GR_SLOTS_MAX];
	struct world w;

	make_world(&w, HOST, 4 * GR_GIB, GR_GIB);
	assert_int_equal(derive(&w, q35, slots), 2);
	assert_int_equal(slots[0].guest, GR_MIB);
	assert_int_equal(slots[0].size_bytes, 2 * GR_GIB - GR_MIB);
	assert_int_equal(slots[1].guest, 4 * GR_GIB);
	assert_int_equal(slots[1].host, HOST + 2 * GR_GIB);
	assert_int_equal(gr_align_take(&w.i, slots, 2, GR_SLOTS_DERIVED), 0);
	gr_align_regions(&w.i);
	assert_int_equal(w.region[0].alignment_bytes, GR_GIB);
	assert_int_equal(w.region[0].at_most_pmd_bytes, 4 * GR_GIB - PMD);
	assert_int_equal(w.region[0].at_most_pud_bytes, 3 * GR_GIB);
	assert_int_equal(derive(&w, pc, slots), 2);
	assert_int_equal(slots[0].size_bytes, 3 * GR_GIB - GR_MIB);
	assert_int_equal(derive(&w, virt, slots), 0);
	assert_int_equal(derive(&w, moved, slots), 0);
	assert_int_equal(derive(&w, other, slots), 0);
	assert_int_equal(derive(&w, small, slots), 0); /* no region of 2 GiB */
	done_world(&w);
	make_world(&w, HOST, 2 * GR_GIB, PMD);
	assert_int_equal(derive(&w, small, slots), 1);
	done_world(&w);
}

static void test_derive_cells(void **state)
{
	const char *const cells[] = { "qemu-system-x86_64",
				      "-M",
				      "q35",
				      "-m",
				      "4G",
				      "-object",
				      "memory-backend-ram,id=a,size=3G",
				      "-numa",
				      "node,memdev=a",
				      "-object",
				      "memory-backend-ram,id=b,size=1G",
				      "-numa",
				      "node,memdev=b",
				      NULL };
	struct gr_slot slots[GR_SLOTS_MAX];
	struct world w;

	make_world(&w, HOST, 3 * GR_GIB, PMD);
	w.region[1] = w.region[0];
	w.region[1].start = HOST + 8 * GR_GIB;
	w.region[1].size_bytes = GR_GIB;
	w.i.region_count = 2;
	assert_int_equal(derive(&w, cells, slots), 3); /* the first cell spans the hole */
	assert_int_equal(slots[1].guest, 4 * GR_GIB);
	assert_int_equal(slots[1].size_bytes, GR_GIB);
	assert_int_equal(slots[2].guest, 5 * GR_GIB);
	assert_int_equal(slots[2].host, HOST + 8 * GR_GIB);
	w.region[1].size_bytes = 3 * GR_GIB; /* which is which cannot be told */
	assert_int_equal(derive(&w, cells, slots), 0);
	done_world(&w);
}

static const char *finding(const struct world *w, const char *code)
{
	for (size_t k = 0; k < w->i.finding_count; k++) {
		if (!strcmp(w->i.findings[k].code, code))
			return w->i.findings[k].message;
	}
	return NULL;
}

static void count(struct world *w, uint64_t p4k, uint64_t p2m, uint64_t p1g)
{
	w->i.stage2 = (struct gr_stage2){
		.known = true,
		.pages_4k = p4k,
		.pages_2m = p2m,
		.pages_1g = p1g,
		.source = GR_STAGE2_DEBUGFS,
	};
	assert_int_equal(gr_stage2_judge(&w->i), 0);
}

static void test_stage2_states(void **state)
{
	struct world w;

	make_world(&w, HOST, GR_GIB, PMD);
	assert_int_equal(gr_stage2_state(&w.i), GR_STAGE2_HIDDEN);
	w.i.stage2_error = -ENODATA;
	assert_int_equal(gr_stage2_state(&w.i), GR_STAGE2_ALL_ZERO);
	w.i.uses_kvm = false;
	assert_int_equal(gr_stage2_state(&w.i), GR_STAGE2_NO_KVM);
	w.i.fds_known = false; /* who may not list the files does not know */
	assert_int_equal(gr_stage2_state(&w.i), GR_STAGE2_UNKNOWN);
	w.i.qmp = &w.qmp;
	w.qmp.kvm = GR_TOLD_NO;
	assert_int_equal(gr_stage2_state(&w.i), GR_STAGE2_NO_KVM);
	w.qmp.kvm = GR_TOLD_YES;
	w.i.stage2_error = -EACCES;
	assert_int_equal(gr_stage2_state(&w.i), GR_STAGE2_HIDDEN);
	assert_string_equal(gr_stage2_state_name(GR_STAGE2_ALL_ZERO), "all-zero");
	done_world(&w);
}

static void test_stage2_smaller(void **state)
{
	const char *text;
	struct world w;

	make_world(&w, HOST, GR_GIB, PMD);
	count(&w, 256, 510, 0); /* a PC's first MiB: nothing to say */
	assert_int_equal(w.i.finding_count, 0);
	count(&w, 512 * 256, 256, 0);		    /* half */
	assert_int_equal(gr_stage2_judge(&w.i), 0); /* again: still one finding */
	assert_int_equal(w.i.finding_count, 1);
	text = finding(&w, GR_FINDING_STAGE2_SMALLER);
	assert_non_null(text);
	assert_non_null(strstr(text, "50.0 %"));
	assert_non_null(strstr(text, "--qmp"));
	w.i.nx_splits = true;
	count(&w, 512 * 256, 256, 0);
	assert_non_null(strstr(finding(&w, GR_FINDING_STAGE2_SMALLER), "nx_huge_pages"));
	/* KVM counts splits: with none, the setting is no reason. */
	w.i.stage2.splits_known = true;
	assert_int_equal(gr_stage2_judge(&w.i), 0);
	assert_null(strstr(finding(&w, GR_FINDING_STAGE2_SMALLER), "nx_huge_pages"));
	w.i.qmp = &w.qmp;
	w.qmp.dirty_log = GR_TOLD_YES;
	strcpy(w.qmp.why_dirty, "migration is active");
	count(&w, 512 * 512, 0, 0);
	assert_non_null(strstr(finding(&w, GR_FINDING_DIRTY_LOG), "migration is active"));
	assert_non_null(strstr(finding(&w, GR_FINDING_STAGE2_SMALLER), "dirty pages are logged"));
	assert_null(finding(&w, GR_FINDING_STAGE2_HOST));
	done_world(&w);
}

static void test_stage2_askew(void **state)
{
	struct gr_slot slot = { .guest = 4 * GR_GIB, .host = HOST + 4096, .size_bytes = GR_GIB };
	struct world w;

	make_world(&w, HOST + 4096, GR_GIB, 4096);
	assert_int_equal(gr_align_take(&w.i, &slot, 1, GR_SLOTS_QMP), 0);
	assert_int_equal(gr_stage2_judge(&w.i), 0);
	assert_non_null(strstr(finding(&w, GR_FINDING_MISALIGNED), "modulo 2 MiB"));
	w.i.uses_kvm = false; /* no second stage that it could matter to */
	assert_int_equal(gr_stage2_judge(&w.i), 0);
	assert_null(finding(&w, GR_FINDING_MISALIGNED));
	done_world(&w);

	/* Right for 2 MiB, askew for 1 GiB: only a finding where 1 GiB pages were bought. */
	slot = (struct gr_slot){ .guest = 4 * GR_GIB,
				 .host = HOST + 512 * GR_MIB,
				 .size_bytes = GR_GIB };
	make_world(&w, HOST + 512 * GR_MIB, GR_GIB, PMD);
	assert_int_equal(gr_align_take(&w.i, &slot, 1, GR_SLOTS_QMP), 0);
	assert_int_equal(gr_stage2_judge(&w.i), 0);
	assert_null(finding(&w, GR_FINDING_MISALIGNED));
	w.region[0].kernel_page_bytes = GR_GIB;
	w.size[0].page_size_bytes = GR_GIB;
	count(&w, 0, 512, 0);
	assert_non_null(strstr(finding(&w, GR_FINDING_MISALIGNED), "modulo 1 GiB"));
	assert_non_null(strstr(finding(&w, GR_FINDING_STAGE2_SMALLER), "addresses lie askew"));
	done_world(&w);
}

static void test_stage2_host(void **state)
{
	struct world w;

	make_world(&w, HOST, GR_GIB, 4096);
	count(&w, 512 * 512, 0, 0);
	assert_non_null(finding(&w, GR_FINDING_STAGE2_HOST));
	assert_null(finding(&w, GR_FINDING_STAGE2_SMALLER));
	done_world(&w);
	make_world(&w, HOST, 4 * GR_GIB, GR_GIB);
	count(&w, 256, 1000, 2); /* some 1 GiB pages there: edges */
	assert_null(finding(&w, GR_FINDING_STAGE2_SMALLER));
	count(&w, 256, 2047, 0); /* none at all */
	assert_non_null(strstr(finding(&w, GR_FINDING_STAGE2_SMALLER), "1 GiB pages"));
	done_world(&w);
}

static void test_conditions(void **state)
{
	static const struct {
		const char *text;
		int r;
		struct gr_condition is;
	} cases[] = {
		{ "2M>=99%",
		  0,
		  { .subject = GR_SUBJECT_PAGE,
		    .page_size_bytes = 2 * GR_MIB,
		    .percent = true,
		    .value = 99000 } },
		{ "1G >= 50 %",
		  0,
		  { .subject = GR_SUBJECT_PAGE,
		    .page_size_bytes = GR_GIB,
		    .percent = true,
		    .value = 50000 } },
		{ "2MiB>=8G",
		  0,
		  { .subject = GR_SUBJECT_PAGE,
		    .page_size_bytes = 2 * GR_MIB,
		    .value = 8 * GR_GIB } },
		{ "node1<=99.5%",
		  0,
		  { .subject = GR_SUBJECT_NODE,
		    .relation = GR_AT_MOST,
		    .node = 1,
		    .percent = true,
		    .value = 99500 } },
		{ "node 12>0",
		  0,
		  { .subject = GR_SUBJECT_NODE, .relation = GR_ABOVE, .node = 12 } },
		{ "locked==100%",
		  0,
		  { .subject = GR_SUBJECT_LOCKED,
		    .relation = GR_EQUAL,
		    .percent = true,
		    .value = 100000 } },
		{ "touched<1.125%",
		  0,
		  { .subject = GR_SUBJECT_TOUCHED,
		    .relation = GR_BELOW,
		    .percent = true,
		    .value = 1125 } },
		{ "huge=0%",
		  0,
		  { .subject = GR_SUBJECT_HUGE, .relation = GR_EQUAL, .percent = true } },
		{ "", -EINVAL, { 0 } },
		{ "2M", -EINVAL, { 0 } },
		{ ">=99%", -EINVAL, { 0 } },
		{ "2M>=", -EINVAL, { 0 } },
		{ "2M>=99", -EINVAL, { 0 } },
		{ "2M>=101%", -EINVAL, { 0 } },
		{ "2M>=100.001%", -EINVAL, { 0 } },
		{ "2M>=-1%", -EINVAL, { 0 } },
		{ "2M>=99.9999%", -EINVAL, { 0 } },
		{ "2M>=99.%", -EINVAL, { 0 } },
		{ "2M=>99%", -EINVAL, { 0 } },
		{ "2M>=%", -EINVAL, { 0 } },
		{ "2048>=99%", -EINVAL, { 0 } },
		{ "3M>=99%", -EINVAL, { 0 } },
		{ "node>=99%", -EINVAL, { 0 } },
		{ "nodeX>=99%", -EINVAL, { 0 } },
		{ "node99999999>=99%", -EINVAL, { 0 } },
		{ "thp>=99%", -EINVAL, { 0 } },
		{ "2M>=99%99%", -EINVAL, { 0 } },
		{ "2M>=99999999999999999999999%", -EINVAL, { 0 } },
		{ "2M>=99999999999999999999999G", -EINVAL, { 0 } },
		{ "2Mxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx>=99%", -EINVAL, { 0 } },
	};

	for (size_t k = 0; k < GR_ARRAY_SIZE(cases); k++) {
		struct gr_condition c = { 0 };
		struct gr_error err = { 0 };

		print_message("%s\n", cases[k].text);
		assert_int_equal(gr_condition_parse(cases[k].text, &c, &err), cases[k].r);
		if (cases[k].r < 0) {
			assert_int_equal(err.class, GR_CLASS_USAGE);
			assert_non_null(strstr(err.hint, "2M>=99%"));
			continue;
		}
		assert_int_equal(c.subject, cases[k].is.subject);
		assert_int_equal(c.relation, cases[k].is.relation);
		assert_int_equal(c.page_size_bytes, cases[k].is.page_size_bytes);
		assert_int_equal(c.node, cases[k].is.node);
		assert_int_equal(c.percent, cases[k].is.percent);
		assert_int_equal(c.value, cases[k].is.value);
	}
}

static enum gr_met judge(const struct world *w, const char *text)
{
	struct gr_outcome outcome;
	struct gr_condition c;

	assert_int_equal(gr_condition_parse(text, &c, NULL), 0);
	gr_condition_judge(&c, &w->i, &outcome);
	return outcome.met;
}

static void test_expect(void **state)
{
	struct world w;

	make_world(&w, HOST, GR_GIB, PMD);
	w.size[0].bytes = GR_GIB - PMD;
	w.region[0].populated_bytes = GR_GIB - PMD;
	assert_int_equal(judge(&w, "2M>=99%"), GR_MET_YES);
	assert_int_equal(judge(&w, "2M>=100%"), GR_MET_NO); /* 99.8 % is not 100 % */
	assert_int_equal(judge(&w, "2M<100%"), GR_MET_YES);
	assert_int_equal(judge(&w, "2M=1022M"), GR_MET_YES);
	assert_int_equal(judge(&w, "1G=0%"), GR_MET_YES);
	assert_int_equal(judge(&w, "huge>99%"), GR_MET_YES);
	assert_int_equal(judge(&w, "locked>=99%"), GR_MET_YES); /* the pool is never swapped */
	w.region[0].hugetlb = false;
	assert_int_equal(judge(&w, "locked>=1%"), GR_MET_NO);
	assert_int_equal(judge(&w, "touched>=100%"), GR_MET_NO);
	w.region[0].swapped_bytes = PMD;
	assert_int_equal(judge(&w, "touched>=100%"), GR_MET_YES);
	assert_int_equal(judge(&w, "node0=100%"), GR_MET_YES);
	assert_int_equal(judge(&w, "node1<=0"), GR_MET_YES);
	done_world(&w);
	make_world(&w, HOST, GR_GIB, 4096);
	assert_int_equal(judge(&w, "huge=0%"), GR_MET_YES); /* the base page is not huge */
	assert_int_equal(judge(&w, "4K=100%"), GR_MET_YES);
	done_world(&w);
}

static void test_expect_unknown(void **state)
{
	struct world w;

	make_world(&w, HOST, GR_GIB, PMD);
	w.size[0].bytes = 512 * GR_MIB;
	w.size[1] = (struct gr_bytes_by_size){ 0, 512 * GR_MIB };
	w.region[0].by_size_count = 2;
	assert_int_equal(judge(&w, "2M>=99%"), GR_MET_UNKNOWN);
	assert_int_equal(judge(&w, "2M>=50%"), GR_MET_YES); /* whatever the rest is */
	assert_int_equal(judge(&w, "2M<50%"), GR_MET_NO);
	assert_int_equal(judge(&w, "2M=75%"), GR_MET_UNKNOWN); /* between the ends */
	assert_int_equal(judge(&w, "1G<=50%"), GR_MET_YES);
	w.region[0].by_node_known = false;
	assert_int_equal(judge(&w, "node0>=1%"), GR_MET_UNKNOWN);
	w.region[0].by_size_count = 1;
	w.size[0].bytes = GR_GIB;
	w.region[0].agreement = GR_ORACLES_UNSETTLED;
	w.region[0].moved_bytes = 64 * GR_MIB;
	assert_int_equal(judge(&w, "2M>=99%"), GR_MET_UNKNOWN);
	assert_int_equal(judge(&w, "2M>=90%"), GR_MET_YES);
	w.region[0].agreement = GR_ORACLES_DISAGREE;
	assert_int_equal(judge(&w, "2M>=1%"), GR_MET_UNKNOWN);
	assert_int_equal(judge(&w, "2M>=0%"), GR_MET_YES);
	w.i.region_count = 0;
	w.i.ram_bytes = 0;
	assert_int_equal(judge(&w, "2M>=0%"), GR_MET_UNKNOWN); /* no RAM: nothing is true */
	w.i.region_count = 1;
	done_world(&w);
}

static json_object *json(const char *text)
{
	json_object *value = json_tokener_parse(text);

	assert_non_null(value);
	return value;
}

#define TAKE(fn, text, facts)                                                                      \
	({                                                                                         \
		json_object *_value = json(text);                                                  \
		int _r = fn(_value, facts);                                                        \
		json_object_put(_value);                                                           \
		_r;                                                                                \
	})

static void test_qmp_answers(void **state)
{
	_cleanup_qmp_facts_ struct gr_qmp_facts *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(TAKE(gr_qmp_take_version,
			      "{\"version\":{\"qemu\":{\"micro\":22,\"minor\":2,\"major\":7},"
			      "\"package\":\"x\"},\"capabilities\":[\"oob\"]}",
			      f),
			 0);
	assert_int_equal(f->major * 100 + f->minor, 702);
	assert_int_equal(TAKE(gr_qmp_take_version, "{\"version\":{}}", f), -EBADMSG);
	assert_int_equal(TAKE(gr_qmp_take_name, "{\"name\":\"a;b\"}", f), 0);
	assert_string_equal(f->name, "a;b");
	assert_int_equal(TAKE(gr_qmp_take_name, "{}", f), 0);
	assert_null(f->name);
	assert_int_equal(TAKE(gr_qmp_take_kvm, "{\"enabled\":false,\"present\":true}", f), 0);
	assert_int_equal(f->kvm, GR_TOLD_NO);
	assert_int_equal(
		TAKE(gr_qmp_take_memdevs,
		     "[{\"id\":\"ram0\",\"size\":67108864,\"policy\":\"bind\",\"merge\":true,"
		     "\"dump\":true,\"prealloc\":true,\"share\":false,"
		     "\"host-nodes\":[0,2]}]",
		     f),
		0);
	assert_int_equal(f->memdev_count, 1);
	assert_true(f->memdevs[0].prealloc && gr_list_has(&f->memdevs[0].host_nodes, 2));
	assert_int_equal(TAKE(gr_qmp_take_memdevs, "[{\"size\":-1}]", f), -EBADMSG);
	assert_int_equal(TAKE(gr_qmp_take_memdevs, "[{\"size\":1,\"host-nodes\":[-1]}]", f),
			 -EBADMSG);
	assert_int_equal(TAKE(gr_qmp_take_memdevs, "[[]]", f), -EBADMSG);
}

static void test_qmp_stats(void **state)
{
	struct gr_qmp_facts f = { 0 };

	assert_int_equal(
		TAKE(gr_qmp_take_stats,
		     "[{\"provider\":\"kvm\",\"stats\":[{\"name\":\"pages_4k\",\"value\":7},"
		     "{\"name\":\"pages_2m\",\"value\":8},{\"name\":\"pages_1g\",\"value\":0},"
		     "{\"name\":\"nx_lpage_splits\",\"value\":3},"
		     "{\"name\":\"hist\",\"value\":[1,2]}]}]",
		     &f),
		0);
	assert_true(f.stage2.known && f.stage2.splits_known && f.stats_error == 0);
	assert_int_equal(f.stage2.pages_4k + f.stage2.pages_2m * 100 + f.stage2.nx_splits * 10000,
			 30807);
	assert_int_equal(TAKE(gr_qmp_take_stats, "[]", &f), 0);
	assert_int_equal(f.stats_error, -ENODATA);
	/* One of the three alone says nothing. */
	assert_int_equal(
		TAKE(gr_qmp_take_stats,
		     "[{\"provider\":\"kvm\",\"stats\":[{\"name\":\"pages_4k\",\"value\":7}]}]",
		     &f),
		0);
	assert_int_equal(f.stats_error, -ENODATA);
	/* All zero is unknown, not 4 KiB. */
	assert_int_equal(
		TAKE(gr_qmp_take_stats,
		     "[{\"provider\":\"kvm\",\"stats\":[{\"name\":\"pages_4k\",\"value\":0},"
		     "{\"name\":\"pages_2m\",\"value\":0},{\"name\":\"pages_1g\",\"value\":0}]"
		     "}]",
		     &f),
		0);
	assert_false(f.stage2.known);
	assert_int_equal(f.stats_error, 0);
	assert_int_equal(TAKE(gr_qmp_take_stats, "[7,null,{\"provider\":7}]", &f), 0);
	assert_int_equal(TAKE(gr_qmp_take_stats, "{}", &f), -EBADMSG);
}

static void test_qmp_dirty(void **state)
{
	struct gr_qmp_facts f = { 0 };

	assert_int_equal(TAKE(gr_qmp_take_migration, "{}", &f), 0);
	assert_int_equal(f.dirty_log, GR_TOLD_NO);
	assert_int_equal(TAKE(gr_qmp_take_migration, "{\"status\":\"completed\"}", &f), 0);
	assert_int_equal(f.dirty_log, GR_TOLD_NO);
	assert_int_equal(TAKE(gr_qmp_take_dirty_rate,
			      "{\"status\":\"measuring\",\"mode\":\"page-sampling\"}", &f),
			 0);
	assert_int_equal(f.dirty_log, GR_TOLD_NO);
	assert_int_equal(TAKE(gr_qmp_take_dirty_rate,
			      "{\"status\":\"measuring\",\"mode\":\"dirty-bitmap\"}", &f),
			 0);
	assert_int_equal(f.dirty_log, GR_TOLD_YES);
	f.dirty_log = GR_NOT_TOLD;
	assert_int_equal(TAKE(gr_qmp_take_migration, "{\"status\":\"active\"}", &f), 0);
	assert_string_equal(f.why_dirty, "migration is active");
}

static void test_qmp_mtree(void **state)
{
	/* Of qemu-system-x86_64 7.2 -M q35 -m 64M, shortened. */
	static const char text[] =
		"FlatView #0\r\n AS \"I/O\", root: io\r\n Root memory region: io\r\n"
		"  0000000000000000-000000000fffffff (prio 0, ram): not-this\r\n\r\n"
		"FlatView #1\r\n AS \"memory\", root: system\r\n AS \"cpu-memory-0\", root: "
		"system\r\n"
		" Root memory region: system\r\n"
		"  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM\r\n"
		"  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem\r\n"
		"  00000000000c0000-00000000000dffff (prio 1, rom): pc.rom\r\n"
		"  0000000000100000-0000000003ffffff (prio 0, ram): pc.ram @0000000000100000 "
		"KVM\r\n"
		"  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios\r\n"
		"FlatView #2\r\n AS \"x\", root: x\r\n"
		"  0000000100000000-00000001ffffffff (prio 0, ram): not-this\r\n";
	json_object *value = json_object_new_string(text);
	struct gr_slot slots[GR_SLOTS_MAX];
	uint64_t host;

	assert_int_equal(gr_qmp_take_mtree(value, slots), 1);
	assert_int_equal(slots[0].guest, GR_MIB);
	assert_int_equal(slots[0].size_bytes, 63 * GR_MIB);
	json_object_put(value);
	value = json_object_new_string("no views");
	assert_int_equal(gr_qmp_take_mtree(value, slots), -EBADMSG);
	assert_int_equal(gr_qmp_take_host(value, &host), -EBADMSG);
	json_object_put(value);
	value = json_object_new_string(
		"Host virtual address for 0x100000 (pc.ram) is 0x7f3b37f00000\r\n");
	assert_int_equal(gr_qmp_take_host(value, &host), 0);
	assert_int_equal(host, UINT64_C(0x7f3b37f00000));
	json_object_put(value);
}

/* One message after the other, whatever the pieces in which they come. */
static void test_qmp_stream(void **state)
{
	static const char text[] =
		"{\"QMP\": {}}\r\n{\"event\": \"X\"}\r\n\r\n{\"return\": {\"a\": \"}\"}}\n";
	static const int kinds[] = { GR_QMP_GREETING, GR_QMP_EVENT, GR_QMP_RETURN };

	for (size_t piece = 1; piece <= sizeof(text) - 1; piece++) {
		_cleanup_qmp_reader_ struct gr_qmp_reader reader;
		size_t seen = 0;

		assert_int_equal(gr_qmp_reader_init(&reader), 0);
		for (size_t at = 0; at < sizeof(text) - 1;) {
			size_t len = gr_min_u64(piece, sizeof(text) - 1 - at), used;
			json_object *message = NULL, *value;
			int r = gr_qmp_feed(&reader, text + at, len, &used, &message);

			assert_true(r >= 0);
			at += used;
			if (r == 0) {
				assert_int_equal(used, len);
				continue;
			}
			assert_true(seen < GR_ARRAY_SIZE(kinds));
			assert_int_equal(gr_qmp_kind(message, &value), kinds[seen++]);
			json_object_put(message);
		}
		assert_int_equal(seen, GR_ARRAY_SIZE(kinds));
	}
}

/* The bound is of one message: many of them may be longer. */
static void test_qmp_many(void **state)
{
	static char text[GR_QMP_MESSAGE_MAX / 4];
	_cleanup_qmp_reader_ struct gr_qmp_reader reader;

	memset(text, 'x', sizeof(text));
	memcpy(text, "{\"event\":\"", 10);
	memcpy(text + sizeof(text) - 3, "\"}\n", 3);
	assert_int_equal(gr_qmp_reader_init(&reader), 0);
	for (int k = 0; k < 20; k++) {
		json_object *message = NULL;
		size_t used, half = sizeof(text) / 2;

		assert_int_equal(gr_qmp_feed(&reader, text, half, &used, &message), 0);
		assert_int_equal(
			gr_qmp_feed(&reader, text + half, sizeof(text) - half, &used, &message), 1);
		json_object_put(message);
	}
}

static void test_qmp_hostile(void **state)
{
	_cleanup_free_ char *big = malloc(GR_QMP_MESSAGE_MAX + 64);
	static const char *const bad[] = {
		"SSH-2.0-OpenSSH\r\n", "[1]", "7 ", "\"x\"", "{\"a\":}", "{{"
	};
	json_object *message, *value;
	size_t used, at = 0;
	int r;

	assert_non_null(big);
	for (size_t k = 0; k < GR_ARRAY_SIZE(bad); k++) {
		_cleanup_qmp_reader_ struct gr_qmp_reader reader;

		assert_int_equal(gr_qmp_reader_init(&reader), 0);
		assert_int_equal(gr_qmp_feed(&reader, bad[k], strlen(bad[k]), &used, &message),
				 -EBADMSG);
	}
	_cleanup_qmp_reader_ struct gr_qmp_reader reader;

	assert_int_equal(gr_qmp_reader_init(&reader), 0);
	memset(big, 'x', GR_QMP_MESSAGE_MAX + 64);
	memcpy(big, "{\"", 2);
	do {
		r = gr_qmp_feed(&reader, big + at, GR_QMP_MESSAGE_MAX + 64 - at, &used, &message);
		at += used;
	} while (r == 0 && used);
	assert_int_equal(r, -EMSGSIZE);
	value = json("{\"neither\":1}");
	assert_int_equal(gr_qmp_kind(value, &message), -EBADMSG);
	json_object_put(value);
}

static void test_pace(void **state)
{
	const uint64_t ms = 1000000;
	struct gr_pace pace = { 0 };

	/* Four chunks make no median; from five on, ten times as long and over 100 ms is a stall.
	 */
	for (int k = 0; k < 4; k++)
		assert_int_equal(gr_pace_chunk(&pace, 20 * ms), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_chunk(&pace, 900 * ms), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_chunk(&pace, 199 * ms), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_chunk(&pace, 300 * ms), GR_COLLAPSE_STALL);
	pace = (struct gr_pace){ 0 };
	for (int k = 0; k < 40; k++)
		assert_int_equal(gr_pace_chunk(&pace, ms), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_chunk(&pace, 99 * ms), GR_COLLAPSE_DONE);

	assert_int_equal(gr_pace_block(&pace, -EAGAIN), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_block(&pace, -ENOMEM), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_block(&pace, 0), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_block(&pace, -ENOMEM), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_block(&pace, -EINVAL), GR_COLLAPSE_DONE); /* no failure */
	assert_int_equal(gr_pace_block(&pace, -EBUSY), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_block(&pace, -ENOMEM), GR_COLLAPSE_FAILS);
	assert_int_equal(gr_pace_block(&pace, -ESRCH), GR_COLLAPSE_ENDED);

	assert_int_equal(gr_pace_pressure(&pace, 5000 * ms, 0), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_pressure(&pace, 5900 * ms, 900 * ms), GR_COLLAPSE_DONE);
	assert_int_equal(gr_pace_pressure(&pace, 5300 * ms, 1000 * ms), GR_COLLAPSE_PRESSURE);
	assert_int_equal(gr_pace_pressure(&pace, 5480 * ms, 2000 * ms), GR_COLLAPSE_DONE);
}

static void test_psi(void **state)
{
	uint64_t ns;

	assert_int_equal(gr_psi_total("some avg10=0.12 avg60=0.00 avg300=0.00 total=4711\n"
				      "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
				      &ns),
			 0);
	assert_int_equal(ns, 4711000);
	assert_int_equal(gr_psi_total("full avg10=0.00", &ns), -EBADMSG);
	assert_int_equal(
		gr_psi_total("some avg10=0 avg60=0 avg300=0 total=18446744073709551615", &ns),
		-EBADMSG);
	assert_int_equal(gr_psi_total("", &ns), -EBADMSG);
}

static void test_floor(void **state)
{
	static const struct {
		const char *text;
		bool below; /* with 32 MiB to be taken */
	} cases[] = {
		/* 5 % of 16 GiB is 819.2 MiB. */
		{ "MemTotal: 16777216 kB\nMemFree: 1 kB\nMemAvailable: 871629 kB\n", false },
		{ "MemTotal: 16777216 kB\nMemFree: 1 kB\nMemAvailable: 871627 kB\n", true },
		{ "MemTotal: 1048576 kB\nMemAvailable: 557056 kB\n", false },
		{ "MemTotal: 1048576 kB\nMemAvailable: 557055 kB\n", true },
		{ "MemTotal: 1048576 kB\n", false },
	};

	for (size_t k = 0; k < GR_ARRAY_SIZE(cases); k++) {
		_cleanup_free_ char *text = strdup(cases[k].text);

		assert_non_null(text);
		assert_int_equal(gr_below_floor(text, 32 * GR_MIB), cases[k].below);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slot_at_most),
		cmocka_unit_test(test_derive),
		cmocka_unit_test(test_derive_cells),
		cmocka_unit_test(test_stage2_states),
		cmocka_unit_test(test_stage2_smaller),
		cmocka_unit_test(test_stage2_askew),
		cmocka_unit_test(test_stage2_host),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_expect),
		cmocka_unit_test(test_expect_unknown),
		cmocka_unit_test(test_qmp_answers),
		cmocka_unit_test(test_qmp_stats),
		cmocka_unit_test(test_qmp_dirty),
		cmocka_unit_test(test_qmp_mtree),
		cmocka_unit_test(test_qmp_stream),
		cmocka_unit_test(test_qmp_many),
		cmocka_unit_test(test_qmp_hostile),
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_psi),
		cmocka_unit_test(test_floor),
	};

	return cmocka_run_group_tests_name("inspect", tests, NULL, NULL);
}

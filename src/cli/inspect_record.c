// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An inspection as a record, and how people see it. JSON names are fixed by the schema; texts are
 * not.
 */
#include "cli/inspect_private.h"

#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/qmp.h"
#include "verify/stage2.h"

static void add_stage2(json_object *doc, const struct gr_inspection *i)
{
	static const char *const sources[] = {
		[GR_STAGE2_NONE] = NULL,
		[GR_STAGE2_QMP] = "qmp",
		[GR_STAGE2_DEBUGFS] = "debugfs",
		[GR_STAGE2_FD] = "stats-fd",
	};
	_cleanup_free_ char *text = gr_inspect_stage2_text(i);
	json_object *obj;

	gr_rec_str(doc, "stage2_state", gr_stage2_state_name(gr_stage2_state(i)));
	gr_rec_str(doc, "stage2_source", i->stage2.known ? sources[i->stage2.source] : NULL);
	gr_rec_str(doc, "stage2_text", text);
	if (!i->stage2.known) {
		gr_rec_null(doc, "stage2");
		return;
	}
	obj = gr_rec_object(doc, "stage2");
	gr_rec_u64(obj, "pages_4k", i->stage2.pages_4k);
	gr_rec_u64(obj, "pages_2m", i->stage2.pages_2m);
	gr_rec_u64(obj, "pages_1g", i->stage2.pages_1g);
}

static void add_told(json_object *obj, const char *key, enum gr_told told)
{
	if (told == GR_NOT_TOLD)
		gr_rec_null(obj, key);
	else
		gr_rec_bool(obj, key, told == GR_TOLD_YES);
}

static void add_qmp(json_object *doc, const struct gr_qmp_facts *facts)
{
	json_object *obj, *array;

	if (!facts) {
		gr_rec_null(doc, "qmp");
		return;
	}
	obj = gr_rec_object(doc, "qmp");
	gr_rec_strf(obj, "version", "%u.%u", facts->major, facts->minor);
	gr_rec_str(obj, "name", facts->name);
	add_told(obj, "kvm", facts->kvm);
	add_told(obj, "dirty_log", facts->dirty_log);
	array = gr_rec_array(obj, "memory_devices");
	for (size_t k = 0; k < facts->memdev_count; k++) {
		const struct gr_qmp_memdev *memdev = &facts->memdevs[k];
		json_object *item = gr_rec_item(array);

		gr_rec_str(item, "id", memdev->id);
		gr_rec_u64(item, "size_bytes", memdev->size_bytes);
		gr_rec_bool(item, "share", memdev->share);
		gr_rec_bool(item, "prealloc", memdev->prealloc);
		gr_rec_str(item, "policy", memdev->policy);
		gr_rec_list(item, "host_nodes", &memdev->host_nodes);
	}
}

static const char *stop_text(enum gr_collapse_stop stop)
{
	static const char *const texts[GR_COLLAPSE_STOPS] = {
		[GR_COLLAPSE_DONE] = "went through all of it",
		[GR_COLLAPSE_INTERRUPTED] = "stopped: interrupted",
		[GR_COLLAPSE_STALL] = "stopped: a piece took many times longer than the others",
		[GR_COLLAPSE_PRESSURE] = "stopped: processes wait for memory",
		[GR_COLLAPSE_FLOOR] = "stopped: too little memory would be left for the host",
		[GR_COLLAPSE_FAILS] = "stopped: three times in a row no huge page, or pages in use",
		[GR_COLLAPSE_ENDED] = "stopped: the process ended",
	};

	return texts[stop];
}

static void add_collapse(json_object *doc, const struct gr_collapse_report *report)
{
	char before[GR_TEXT_MAX], after[GR_TEXT_MAX], took[GR_TEXT_MAX];
	json_object *obj;

	if (!report) {
		gr_rec_null(doc, "collapse");
		return;
	}
	obj = gr_rec_object(doc, "collapse");
	gr_rec_strf(obj, "summary", "transparent huge pages %s before, %s after %s; %s",
		    gr_size_text(report->before_bytes, before),
		    gr_size_text(report->after_bytes, after),
		    gr_time_text(report->elapsed_ns, took), stop_text(report->stop));
	gr_rec_str(obj, "stopped", gr_collapse_stop_name(report->stop));
	gr_rec_u64(obj, "before_bytes", report->before_bytes);
	gr_rec_u64(obj, "after_bytes", report->after_bytes);
	gr_rec_u64(obj, "candidate_bytes", report->candidate_bytes);
	gr_rec_u64(obj, "sparse_bytes", report->sparse_bytes);
	gr_rec_u64(obj, "refused_bytes", report->refused_bytes);
	gr_rec_u64(obj, "failed_bytes", report->failed_bytes);
	gr_rec_u64(obj, "elapsed_ns", report->elapsed_ns);
}

/* Rounded down to a tenth, so that 100 is all of it. */
static double percent_of(uint64_t bytes, uint64_t of)
{
	uint64_t tenths = (uint64_t)((unsigned __int128)bytes * 1000 / of);

	return (double)tenths / 10;
}

/* Return: the worst of all answers. */
static enum gr_met add_expect(json_object *doc, const struct gr_inspection *i,
			      const struct gr_inspect_options *options)
{
	json_object *array = gr_rec_array(doc, "expect");
	enum gr_met worst = GR_MET_YES;

	for (size_t k = 0; k < options->condition_count; k++) {
		json_object *item = gr_rec_item(array);
		_cleanup_free_ char *text = NULL;
		struct gr_outcome is;

		gr_condition_judge(&options->conditions[k], i, &is);
		gr_outcome_text(&is, &text);
		gr_rec_str(item, "condition", options->texts[k]);
		if (is.met == GR_MET_UNKNOWN)
			gr_rec_null(item, "met");
		else
			gr_rec_bool(item, "met", is.met == GR_MET_YES);
		gr_rec_u64(item, "got_bytes", is.got_bytes);
		gr_rec_u64(item, "unknown_bytes", is.unknown_bytes);
		if (is.ram_bytes)
			gr_rec_double(item, "got_percent", percent_of(is.got_bytes, is.ram_bytes));
		else
			gr_rec_null(item, "got_percent");
		gr_rec_str(item, "got_text", text);
		if (is.met == GR_MET_NO || (is.met == GR_MET_UNKNOWN && worst == GR_MET_YES))
			worst = is.met;
	}
	return worst;
}

json_object *gr_inspect_record(const struct gr_inspection *i,
			       const struct gr_inspect_options *options, enum gr_met *ret_met)
{
	_cleanup_free_ char *summary = gr_inspect_summary(i);
	json_object *doc = gr_rec_new("inspect"), *array;

	gr_rec_int(doc, "pid", i->pid);
	gr_rec_str(doc, "name", i->name);
	gr_rec_str(doc, "vmm", i->vmm);
	gr_rec_bool(doc, "recognised", i->recognised);
	gr_rec_str(doc, "summary", summary);
	gr_rec_u64(doc, "threads", i->threads);
	gr_rec_u64(doc, "ram_bytes", i->ram_bytes);
	gr_rec_u64(doc, "populated_bytes", i->populated_bytes);
	gr_rec_u64(doc, "untouched_bytes", i->untouched_bytes);
	gr_rec_u64(doc, "swapped_bytes", i->swapped_bytes);
	gr_rec_u64(doc, "locked_bytes", i->locked_bytes);
	gr_rec_u64_known(doc, "page_table_bytes", i->page_table_bytes.known,
			 i->page_table_bytes.value);
	gr_inspect_sizes_record(doc, i->by_size, i->by_size_count);
	gr_inspect_nodes_record(doc, i->by_node, i->by_node_count);
	if (i->huge_percent_known)
		gr_rec_double(doc, "huge_percent", i->huge_percent);
	else
		gr_rec_null(doc, "huge_percent");
	if (i->scan_known && i->agreement != GR_ORACLES_UNSETTLED)
		gr_rec_bool(doc, "oracles_agree", i->agreement == GR_ORACLES_AGREE);
	else
		gr_rec_null(doc, "oracles_agree");
	gr_inspect_exact_record(doc, &i->exact);
	add_stage2(doc, i);
	add_qmp(doc, i->qmp);
	add_collapse(doc, options->collapse);
	*ret_met = add_expect(doc, i, options);
	array = gr_rec_array(doc, "regions");
	for (size_t k = 0; k < i->region_count; k++)
		gr_inspect_region_record(array, &i->regions[k], i);
	array = gr_rec_array(doc, "findings");
	for (size_t k = 0; k < i->finding_count; k++) {
		json_object *item = gr_rec_item(array);

		gr_rec_str(item, "code", i->findings[k].code);
		gr_rec_str(item, "message", i->findings[k].message);
	}
	return doc;
}

const struct gr_section gr_inspect_sections[] = {
	{ .path = "",
	  GR_COLUMNS({ .key = "name", .title = "Name" }, { .key = "pid", .title = "PID" },
		     { .key = "vmm", .title = "VMM" },
		     { .key = "summary", .title = "Memory", .wrap = true },
		     { .key = "stage2_text", .title = "Stage 2", .wrap = true }) },
	{ .path = "collapse",
	  GR_COLUMNS({ .key = "summary", .title = "Collapsed", .wrap = true }) },
	{ .path = "regions",
	  .title = "Mappings",
	  GR_COLUMNS({ .key = "path", .title = "File", .wrap = true },
		     { .key = "size_bytes", .title = "Size", .format = GR_FMT_BYTES },
		     { .key = "kernel_page_bytes", .title = "Page", .format = GR_FMT_BYTES },
		     { .key = "populated_bytes", .title = "Populated", .format = GR_FMT_BYTES },
		     { .key = "shared", .title = "Shared", .format = GR_FMT_YESNO }) },
	{ .path = "expect",
	  .title = "Expected",
	  GR_COLUMNS({ .key = "condition", .title = "Condition" },
		     { .key = "met", .title = "Met", .format = GR_FMT_YESNO },
		     { .key = "got_text", .title = "Got", .wrap = true }) },
	{ .path = "findings",
	  .title = "Findings",
	  GR_COLUMNS({ .key = "code", .title = "Code" },
		     { .key = "message", .title = "What", .wrap = true }) },
};

const size_t gr_inspect_section_count = GR_ARRAY_SIZE(gr_inspect_sections);

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a run was: the backing, what it took to get it, what the kernel's page tables say the VM
 * had, and what went back. One record; unknown values are null.
 */
#include "cli/run_record.h"

#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"
#include "verify/findings.h"

static const struct gr_section sections[] = {
	{ .path = "",
	  GR_COLUMNS({ "summary", "VM", GR_FMT_TEXT }, { "reserve_ns", "Reserved in", GR_FMT_NS },
		     { "populate_ns", "Populated in", GR_FMT_NS },
		     { "verify.message", "Proven", GR_FMT_TEXT },
		     { "page_table_bytes", "Page tables", GR_FMT_BYTES },
		     { "give_back.pages_returned", "Given back, pages", GR_FMT_COUNT }) },
	{ .path = "verify.by_page_size", .title = "Populated, from the kernel's page tables",
	  GR_COLUMNS({ "page_size_bytes", "PAGE", GR_FMT_BYTES }, { "bytes", "RAM", GR_FMT_BYTES },
		     { "pages", "PAGES", GR_FMT_COUNT }) },
	{ .path = "verify.findings_text" },
};

/* KVM's pages for the micro-VM; null for any other: see what inspect says of it. */
static void stage2_record(json_object *obj, const struct gr_run_report *report)
{
	json_object *stage2;

	if (!report->stage2_known) {
		gr_rec_null(obj, "stage2");
		return;
	}
	stage2 = gr_rec_object(obj, "stage2");
	gr_rec_u64(stage2, "pages_4k", report->stage2_4k);
	gr_rec_u64(stage2, "pages_2m", report->stage2_2m);
	gr_rec_u64(stage2, "pages_1g", report->stage2_1g);
}

static void verify_record(json_object *doc, const struct gr_run_report *report)
{
	const struct gr_inspection *seen = report->inspection;
	json_object *verify, *array, *texts;

	if (!seen || !report->judged) {
		gr_rec_null(doc, "verify");
		gr_rec_null(doc, "page_table_bytes");
		return;
	}
	gr_rec_u64_known(doc, "page_table_bytes", seen->page_table_bytes.known,
			 seen->page_table_bytes.value);
	verify = gr_rec_object(doc, "verify");
	if (report->verdict.kept || report->verdict.broken)
		gr_rec_bool(verify, "kept", report->verdict.kept);
	else
		gr_rec_null(verify, "kept");
	gr_rec_str(verify, "message", report->verdict.message);
	gr_rec_u64(verify, "ram_bytes", seen->ram_bytes);
	if (seen->huge_percent_known)
		gr_rec_double(verify, "huge_percent", seen->huge_percent);
	else
		gr_rec_null(verify, "huge_percent");
	stage2_record(verify, report);
	array = gr_rec_array(verify, "by_page_size");
	for (size_t i = 0; i < seen->by_size_count; i++) {
		const struct gr_bytes_by_size *size = &seen->by_size[i];
		bool known = size->page_size_bytes > 0;
		json_object *item = gr_rec_item(array);

		gr_rec_u64_known(item, "page_size_bytes", known, size->page_size_bytes);
		gr_rec_u64(item, "bytes", size->bytes);
		gr_rec_u64_known(item, "pages", known,
				 known ? size->bytes / size->page_size_bytes : 0);
	}
	array = gr_rec_array(verify, "by_node");
	for (size_t i = 0; i < seen->by_node_count; i++) {
		json_object *item = gr_rec_item(array);

		gr_rec_u64_known(item, "node", seen->by_node[i].node >= 0,
				 (uint64_t)seen->by_node[i].node);
		gr_rec_u64(item, "bytes", seen->by_node[i].bytes);
	}
	array = gr_rec_array(verify, "findings");
	texts = gr_rec_array(verify, "findings_text");
	for (size_t i = 0; i < seen->finding_count; i++) {
		json_object *item = gr_rec_item(array);

		gr_rec_str(item, "code", seen->findings[i].code);
		gr_rec_str(item, "message", seen->findings[i].message);
		/* That a VMM has not touched its populated memory yet is no news at its end. */
		if (!strcmp(seen->findings[i].code, GR_FINDING_NOT_MAPPED))
			continue;
		gr_rec_item_strf(texts, "%s %s", seen->findings[i].code, seen->findings[i].message);
	}
}

static void touched_record(json_object *doc, const struct gr_run_report *report)
{
	gr_rec_u64_known(doc, "touched_bytes", report->touched_known, report->touched_bytes);
	gr_rec_u64_known(doc, "touch_ns", report->touched_known, report->touch_ns);
	stage2_record(doc, report);
}

int gr_run_record_print(FILE *out, struct gr_cli *cli, const struct gr_run_options *options,
			const struct gr_run_report *report)
{
	json_object *doc = gr_rec_new("run"), *give_back;
	char memory[GR_TEXT_MAX], page[GR_TEXT_MAX];
	int r;

	gr_rec_strf(doc, "summary", "%s of RAM on %s, %s pages, run by %s",
		    gr_size_text(report->memory_bytes, memory),
		    gr_backing_name(options->plan->backing),
		    gr_size_text(options->plan->page_size_bytes, page), report->ran);
	gr_rec_str(doc, "name", options->name);
	gr_rec_str(doc, "ran", report->ran);
	gr_rec_str(doc, "backing", gr_backing_name(options->plan->backing));
	gr_rec_u64(doc, "page_size_bytes", options->plan->page_size_bytes);
	gr_rec_u64(doc, "memory_bytes", report->memory_bytes);
	gr_rec_str(doc, "populate", gr_populate_name(report->populate));
	gr_rec_u64_known(doc, "reserve_ns", report->reserve_ns > 0, report->reserve_ns);
	gr_rec_u64_known(doc, "populate_ns", report->populate_ns > 0, report->populate_ns);
	gr_rec_u64_known(doc, "ready_ns", report->ready_ns > 0, report->ready_ns);
	gr_cli_rungs_record(doc, &report->reserve);
	verify_record(doc, report);
	touched_record(doc, report);
	give_back = gr_rec_object(doc, "give_back");
	gr_rec_u64_known(give_back, "pages_returned",
			 report->gave_back || options->plan->backing != GR_BACKING_DYNAMIC,
			 report->pages_returned);
	gr_rec_int(doc, "exit_status", report->exit_status);
	r = gr_rec_print(out, cli->mode, doc, sections, GR_ARRAY_SIZE(sections), &cli->err);
	json_object_put(doc);
	return r;
}

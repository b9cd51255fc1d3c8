// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram inspect PID | NAME: what a VM's memory is backed with, as the kernel tells it. The
 * library looks; this turns what it saw into a record.
 */
#include <inttypes.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/cli.h"
#include "lease/lease.h"
#include "verify/verify.h"

/* 99.96 % is not 100.0 %, and a little is not nothing. */
static void print_percent(FILE *out, uint64_t bytes, uint64_t of)
{
	double percent = 100.0 * (double)bytes / (double)of;

	if (bytes && percent < 0.1)
		fputs("under 0.1 %", out);
	else
		fprintf(out, "%.1f %%", bytes < of && percent > 99.9 ? 99.9 : percent);
}

static void print_pages(FILE *out, const struct gr_inspection *i)
{
	char size[GR_TEXT_MAX], pages[GR_TEXT_MAX];

	for (size_t k = 0; k < i->by_size_count; k++) {
		const struct gr_bytes_by_size *s = &i->by_size[k];

		fputs(k ? ", " : ": ", out);
		print_percent(out, s->bytes, i->ram_bytes);
		if (s->page_size_bytes)
			fprintf(out, " on %s pages (%s page%s)",
				gr_size_text(s->page_size_bytes, size),
				gr_count_text(s->bytes / s->page_size_bytes, pages),
				gr_plural(s->bytes / s->page_size_bytes));
		else
			fputs(" on pages of unknown size", out);
	}
	if (i->swapped_bytes) {
		fputs(i->by_size_count ? ", " : ": ", out);
		print_percent(out, i->swapped_bytes, i->ram_bytes);
		fputs(" in swap", out);
	}
	if (i->untouched_bytes) {
		fputs(i->by_size_count || i->swapped_bytes ? ", " : ": ", out);
		print_percent(out, i->untouched_bytes, i->ram_bytes);
		fputs(" not touched yet", out);
	}
}

static const char *const agreements[] = {
	[GR_ORACLES_AGREE] = "both oracles agree",
	[GR_ORACLES_UNSETTLED] = "too busy to compare the oracles",
	[GR_ORACLES_DISAGREE] = "the oracles disagree",
};

/* "RAM 2 GiB: 100.0 % on 2 MiB pages (1,024 pages), node 0 2 GiB; both oracles agree". */
static char *summary_text(const struct gr_inspection *i)
{
	char buf[GR_TEXT_MAX], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fprintf(out, "%s %s", i->recognised ? "RAM" : "large mappings",
		gr_size_text(i->ram_bytes, buf));
	if (i->ram_bytes)
		print_pages(out, i);
	for (size_t k = 0; k < i->by_node_count; k++) {
		if (i->by_node[k].node >= 0)
			fprintf(out, ", node %d %s", i->by_node[k].node,
				gr_size_text(i->by_node[k].bytes, buf));
		else
			fprintf(out, ", node unknown %s", gr_size_text(i->by_node[k].bytes, buf));
	}
	if (i->page_table_bytes.known)
		fprintf(out, ", page tables %s", gr_size_text(i->page_table_bytes.value, buf));
	if (i->region_count && !i->scan_known)
		fputs("; one oracle only", out);
	else if (i->region_count)
		fprintf(out, "; %s", agreements[i->agreement]);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void add_sizes(json_object *obj, const struct gr_bytes_by_size *sizes, size_t count)
{
	json_object *array = gr_rec_array(obj, "by_page_size");

	for (size_t i = 0; i < count; i++) {
		json_object *item = gr_rec_item(array);

		gr_rec_u64_known(item, "page_size_bytes", sizes[i].page_size_bytes != 0,
				 sizes[i].page_size_bytes);
		gr_rec_u64(item, "bytes", sizes[i].bytes);
	}
}

static void add_nodes(json_object *obj, const struct gr_bytes_by_node *nodes, size_t count)
{
	json_object *array = gr_rec_array(obj, "by_node");

	for (size_t i = 0; i < count; i++) {
		json_object *item = gr_rec_item(array);

		gr_rec_u64_known(item, "node", nodes[i].node >= 0, (uint64_t)nodes[i].node);
		gr_rec_u64(item, "bytes", nodes[i].bytes);
	}
}

static void add_region(json_object *array, const struct gr_region *region)
{
	json_object *item = gr_rec_item(array);

	gr_rec_u64(item, "start", region->start);
	gr_rec_u64(item, "size_bytes", region->size_bytes);
	gr_rec_str(item, "path", region->path[0] ? region->path : NULL);
	gr_rec_bool(item, "shared", region->shared);
	gr_rec_bool(item, "hugetlb", region->hugetlb);
	gr_rec_u64(item, "kernel_page_bytes", region->kernel_page_bytes);
	gr_rec_u64(item, "populated_bytes", region->populated_bytes);
	gr_rec_u64(item, "mapped_bytes", region->mapped_bytes);
	gr_rec_u64_known(item, "file_bytes", region->file_known, region->file_bytes);
	gr_rec_u64(item, "swapped_bytes", region->swapped_bytes);
	gr_rec_u64(item, "locked_bytes", region->locked_bytes);
	add_sizes(item, region->by_size, region->by_size_count);
	add_nodes(item, region->by_node, region->by_node_count);
	gr_rec_u64_known(item, "scan_present_bytes", region->scan_known,
			 region->scan_present_bytes);
	gr_rec_u64_known(item, "scan_huge_bytes", region->scan_known, region->scan_huge_bytes);
}

static void add_stage2(json_object *doc, const struct gr_stage2 *stage2)
{
	json_object *obj;

	if (!stage2->known) {
		gr_rec_null(doc, "stage2");
		return;
	}
	obj = gr_rec_object(doc, "stage2");
	gr_rec_u64(obj, "pages_4k", stage2->pages_4k);
	gr_rec_u64(obj, "pages_2m", stage2->pages_2m);
	gr_rec_u64(obj, "pages_1g", stage2->pages_1g);
}

static json_object *make_record(const struct gr_inspection *i)
{
	_cleanup_free_ char *summary = summary_text(i);
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
	gr_rec_u64_known(doc, "page_table_bytes", i->page_table_bytes.known,
			 i->page_table_bytes.value);
	add_sizes(doc, i->by_size, i->by_size_count);
	add_nodes(doc, i->by_node, i->by_node_count);
	if (i->huge_percent_known)
		gr_rec_double(doc, "huge_percent", i->huge_percent);
	else
		gr_rec_null(doc, "huge_percent");
	if (i->scan_known && i->agreement != GR_ORACLES_UNSETTLED)
		gr_rec_bool(doc, "oracles_agree", i->agreement == GR_ORACLES_AGREE);
	else
		gr_rec_null(doc, "oracles_agree");
	add_stage2(doc, &i->stage2);
	array = gr_rec_array(doc, "regions");
	for (size_t k = 0; k < i->region_count; k++)
		add_region(array, &i->regions[k]);
	array = gr_rec_array(doc, "findings");
	for (size_t k = 0; k < i->finding_count; k++) {
		json_object *item = gr_rec_item(array);

		gr_rec_str(item, "code", i->findings[k].code);
		gr_rec_str(item, "message", i->findings[k].message);
	}
	return doc;
}

static const struct gr_section sections[] = {
	{ .path = "",
	  GR_COLUMNS({ .key = "name", .title = "Name" }, { .key = "pid", .title = "PID" },
		     { .key = "vmm", .title = "VMM" },
		     { .key = "summary", .title = "Memory", .wrap = true }) },
	{ .path = "regions",
	  .title = "Mappings",
	  GR_COLUMNS({ .key = "path", .title = "File", .wrap = true },
		     { .key = "size_bytes", .title = "Size", .format = GR_FMT_BYTES },
		     { .key = "kernel_page_bytes", .title = "Page", .format = GR_FMT_BYTES },
		     { .key = "populated_bytes", .title = "Populated", .format = GR_FMT_BYTES },
		     { .key = "shared", .title = "Shared", .format = GR_FMT_YESNO }) },
	{ .path = "findings",
	  .title = "Findings",
	  GR_COLUMNS({ .key = "code", .title = "Code" },
		     { .key = "message", .title = "What", .wrap = true }) },
};

static int several(const char *name, const pid_t *pids, int count, struct gr_error *err)
{
	char list[128] = "";
	size_t len = 0;

	for (int i = 0; i < count && i < 8; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%d", i ? ", " : "",
					(int)pids[i]);
	gr_error_set(err, GR_CLASS_NO, ENOTUNIQ, "%d processes are named '%.128s': %s%s", count,
		     name, list, count > 8 ? " ..." : "");
	gr_error_hint(err, "give one of the pids");
	return -ENOTUNIQ;
}

/* The process that has the pages of a lease of that name; 0: there is none. */
static pid_t find_lease_owner(const struct gr_cli *cli, const char *name)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_lease *lease;
	pid_t pid;

	if (gr_ledger_open(cli->root, true, 0, &ledger, NULL) < 0 ||
	    gr_ledger_find(ledger, name, &lease, NULL) < 0)
		return 0;
	pid = lease->owner_pid;
	gr_lease_free(lease);
	return pid;
}

/* A number is a pid, anything else the name of a VM, or of the lease that it runs on. */
static int find_pid(struct gr_cli *cli, const char *word, pid_t *ret)
{
	_cleanup_free_ pid_t *pids = NULL;
	uint64_t pid;
	int n;

	if (gr_parse_u64(word, &pid) == 0) {
		if (pid == 0 || pid > INT32_MAX)
			return gr_cli_usage(cli, "'%.32s' is no pid", word);
		*ret = (pid_t)pid;
		return 0;
	}
	n = gr_find_by_name(cli->root, word, &pids, &cli->err);
	if (n < 0)
		return n;
	if (n == 0) {
		*ret = find_lease_owner(cli, word);
		if (*ret)
			return 0;
		gr_error_set(&cli->err, GR_CLASS_NO, ESRCH,
			     "no VM and no process is named '%.128s'", word);
		gr_error_hint(&cli->err, "a name is what the VMM's command line says after -name, "
					 "--name or --id; a pid works as well");
		return -ESRCH;
	}
	if (n > 1)
		return several(word, pids, n, &cli->err);
	*ret = pids[0];
	return 0;
}

static int run_inspect(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_inspection_ struct gr_inspection *inspection = NULL;
	json_object *doc;
	pid_t pid = 0;
	int r;

	if (args->word_count != 1)
		return gr_cli_usage(cli, "inspect takes one PID or NAME");
	r = find_pid(cli, args->words[0], &pid);
	if (r < 0)
		return r;
	r = gr_inspect_pid(cli->root, pid, &inspection, &cli->err);
	if (r < 0)
		return r;
	doc = make_record(inspection);
	r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r < 0 ? r : 0;
}

const struct gr_command gr_cmd_inspect = {
	.name = "inspect",
	.summary = "Prove from the kernel's page tables what a running VM got",
	.synopsis = "[options] PID | NAME",
	.about = "Reads smaps and numa_maps and checks them against the page map. In a process\n"
		 "without guest RAM that can be recognised, mappings of 16 MiB and more are "
		 "shown.",
	.run = run_inspect,
};

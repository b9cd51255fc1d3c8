// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * inspect --all: every VM of this machine in one table. A VM that ends while it is read is no VM
 * any more; one that may not be read is a row that says so, since a missing row would say that
 * there is none.
 */
#include "base/size.h"
#include "base/util.h"
#include "cli/inspect_record.h"

static const struct gr_section sections[] = {
	{ .path = "vms",
	  .empty = "no VM runs here",
	  GR_COLUMNS({ .key = "name", .title = "Name", .wrap = true },
		     { .key = "pid", .title = "PID" }, { .key = "vmm", .title = "VMM" },
		     { .key = "ram_bytes", .title = "RAM", .format = GR_FMT_BYTES },
		     { .key = "huge_percent", .title = "Huge", .format = GR_FMT_PERCENT },
		     { .key = "nodes_text", .title = "Nodes" }) },
	{ .path = "vms[].expect",
	  .title = "Expected",
	  GR_COLUMNS({ .key = "pid", .title = "PID" }, { .key = "condition", .title = "Condition" },
		     { .key = "met", .title = "Met", .format = GR_FMT_YESNO },
		     { .key = "got_text", .title = "Got", .wrap = true }) },
	{ .path = "vms[].findings",
	  .title = "Findings",
	  GR_COLUMNS({ .key = "pid", .title = "PID" }, { .key = "code", .title = "Code" },
		     { .key = "message", .title = "What", .wrap = true }) },
	{ .path = "unreadable",
	  .title = "Not readable",
	  GR_COLUMNS({ .key = "pid", .title = "PID" },
		     { .key = "message", .title = "Why", .wrap = true }) },
	{ .path = "hidden_text" },
};

static char *nodes_text(const struct gr_inspection *i)
{
	char bytes[GR_TEXT_MAX], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t k = 0; k < i->by_node_count; k++) {
		fputs(k ? ", " : "", out);
		if (i->by_node[k].node >= 0)
			fprintf(out, "%d: ", i->by_node[k].node);
		else
			fputs("unknown: ", out);
		fputs(gr_size_text(i->by_node[k].bytes, bytes), out);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* The tables below the first need the pid in each of their rows. */
static void add_pid(json_object *doc, const char *key, pid_t pid)
{
	json_object *array = json_object_object_get(doc, key);

	for (size_t k = 0; array && k < json_object_array_length(array); k++)
		gr_rec_int(json_object_array_get_idx(array, k), "pid", pid);
}

static int add_vm(struct gr_cli *cli, json_object *vms, json_object *unreadable, pid_t pid,
		  const struct gr_inspect_options *options, enum gr_met *worst)
{
	_cleanup_inspection_ struct gr_inspection *i = NULL;
	_cleanup_free_ char *nodes = NULL;
	enum gr_met met;
	json_object *doc;
	int r = gr_inspect_look(cli, pid, options, &i);

	if (r == -ESRCH)
		return 0;
	if (r == -EACCES || r == -EPERM) {
		doc = gr_rec_item(unreadable);
		gr_rec_int(doc, "pid", pid);
		gr_rec_str(doc, "message", cli->err.message);
		/* What cannot be read is not known to hold. */
		if (options->condition_count && *worst == GR_MET_YES)
			*worst = GR_MET_UNKNOWN;
		return 0;
	}
	if (r < 0)
		return r;
	nodes = nodes_text(i);
	doc = gr_inspect_record(i, options, &met);
	gr_rec_str(doc, "nodes_text", nodes);
	add_pid(doc, "expect", pid);
	add_pid(doc, "findings", pid);
	if (!doc || json_object_array_add(vms, doc) < 0) {
		json_object_put(doc);
		return gr_error_nomem(&cli->err);
	}
	if (met == GR_MET_NO || (met == GR_MET_UNKNOWN && *worst == GR_MET_YES))
		*worst = met;
	return 0;
}

int gr_inspect_all(struct gr_cli *cli, const struct gr_inspect_options *options)
{
	_cleanup_free_ pid_t *pids = NULL;
	json_object *doc, *vms, *unreadable, *texts;
	enum gr_met worst = GR_MET_YES;
	size_t hidden = 0;
	int n = gr_find_vms(cli->root, &pids, &hidden, &cli->err), r = 0;

	if (n < 0)
		return n;
	doc = gr_rec_new("inspect");
	vms = gr_rec_array(doc, "vms");
	unreadable = gr_rec_array(doc, "unreadable");
	gr_rec_u64(doc, "hidden_processes", hidden);
	texts = gr_rec_array(doc, "hidden_text");
	if (hidden)
		gr_rec_item_strf(texts,
				 "%zu process%s could be VMs and may not be looked at: run it as "
				 "root",
				 hidden, hidden == 1 ? "" : "es");
	for (int k = 0; k < n && r == 0; k++)
		r = add_vm(cli, vms, unreadable, pids[k], options, &worst);
	if (r == 0)
		r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	if (r < 0)
		return r;
	return worst == GR_MET_YES ? 0 : GR_CLASS_NO;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram list --history: what was done for which VM, oldest first, as long as the file reaches
 * back. Made of the lines that lease/history.c wrote; what is not known in one of them is null.
 */
#include <inttypes.h>
#include <time.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"
#include "lease/history.h"

static const struct gr_section sections[] = {
	{ .path = "events",
	  .empty = "No history.",
	  GR_COLUMNS({ "when", "WHEN", GR_FMT_TEXT }, { "name", "NAME", GR_FMT_TEXT },
		     { "action", "ACTION", GR_FMT_TEXT }, { "outcome", "OUTCOME", GR_FMT_TEXT },
		     { "elapsed_ns", "TIME", GR_FMT_NS },
		     { "message", "MESSAGE", GR_FMT_TEXT, .wrap = true }) },
};

static uint64_t number(json_object *obj, const char *key)
{
	int64_t value = json_object_get_int64(json_object_object_get(obj, key));

	return value < 0 ? 0 : (uint64_t)value;
}

static bool is_known(json_object *obj, const char *key)
{
	return json_object_is_type(json_object_object_get(obj, key), json_type_int);
}

/* Key by key: whatever else the line has stays behind. */
static void add_event(json_object *array, json_object *event)
{
	static const char *const texts[] = { "name", "action", "outcome", "message" };
	json_object *item = gr_rec_item(array), *grants, *from;
	time_t at = (time_t)number(event, "time");
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	gr_rec_int(item, "time", (int64_t)at);
	gr_rec_str(item, "when", when);
	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++)
		gr_rec_str(item, texts[i],
			   json_object_get_string(json_object_object_get(event, texts[i])));
	gr_rec_u64_known(item, "elapsed_ns", is_known(event, "elapsed_ns"),
			 number(event, "elapsed_ns"));
	grants = gr_rec_array(item, "grants");
	from = json_object_object_get(event, "grants");
	for (size_t i = 0; json_object_is_type(from, json_type_array) &&
			   i < json_object_array_length(from); i++) {
		json_object *grant = json_object_array_get_idx(from, i), *to = gr_rec_item(grants);

		gr_rec_u64_known(to, "node", is_known(grant, "node"), number(grant, "node"));
		gr_rec_u64(to, "page_size_bytes", number(grant, "page_size_bytes"));
		gr_rec_u64(to, "pages", number(grant, "pages"));
	}
}

int gr_cli_history(struct gr_cli *cli, const char *name)
{
	json_object *events, *doc, *array;
	int r = gr_history_read(cli->root, name, &events, &cli->err);

	if (r < 0)
		return r;
	doc = gr_rec_new("history");
	array = gr_rec_array(doc, "events");
	for (size_t i = 0; i < json_object_array_length(events); i++)
		add_event(array, json_object_array_get_idx(events, i));
	json_object_put(events);
	r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * --fallback: page sizes and backings, separated by commas, first choice first. Whether the host has
 * such a page is for the plan to say.
 */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/cli.h"

static int parse_one(struct gr_cli *cli, const char *word, struct gr_fallback *ret)
{
	struct gr_fallback one = { .backing = GR_BACKING_DYNAMIC };
	int r;

	if (!strcmp(word, "thp") || !strcmp(word, "4k")) {
		r = gr_backing_parse(word, &one.backing, &cli->err);
	} else {
		r = gr_parse_size(word, 1, &one.page_size_bytes, &cli->err);
		if (r >= 0 && (!one.page_size_bytes ||
			       one.page_size_bytes & (one.page_size_bytes - 1)))
			r = gr_cli_usage(cli, "'%.32s' is no page size", word);
	}
	if (r < 0) {
		gr_error_prefix(&cli->err, "--fallback: ");
		return r;
	}
	*ret = one;
	return 0;
}

int gr_cli_fallback(struct gr_cli *cli, const struct gr_args *args, struct gr_fallback *ret)
{
	const char *at = gr_arg(args, "fallback");
	int count = 0;

	while (at && *at) {
		size_t length = strcspn(at, ",");
		char word[32];
		int r;

		if (length >= sizeof(word) || count == GR_FALLBACKS_MAX)
			return gr_cli_usage(cli, "--fallback: too long");
		snprintf(word, sizeof(word), "%.*s", (int)length, at);
		r = parse_one(cli, word, &ret[count]);
		if (r < 0)
			return r;
		count++;
		at += length + (at[length] == ',');
	}
	return count;
}

bool gr_cli_fall_back(struct gr_request *request, const uint64_t *now,
		      const struct gr_fallback *to)
{
	bool pool = gr_backing_is_pool(to->backing), changed = !pool;

	for (size_t i = request->need_count; i > 0; i--) {
		struct gr_need *need = &request->needs[i - 1];
		uint64_t size = now ? now[i - 1] : need->page_size_bytes;

		/* The others stay as they were, whatever a new plan would think of them. */
		need->page_size_bytes = pool ? size : 0;
		if (pool && !changed && size > to->page_size_bytes) {
			need->page_size_bytes = to->page_size_bytes;
			changed = true;
		}
	}
	if (changed)
		request->backing = to->backing;
	return changed;
}

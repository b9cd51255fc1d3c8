// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From the plan to the VMM's command line. Huge pages arrive as files that we hold; 4K and THP
 * memory cannot (only its user may populate anonymous memory), so there QEMU allocates and we say
 * how.
 */
#include "run/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "run/hold.h"

static const char *const populate_names[] = {
	[GR_POPULATE_AUTO] = "auto",
	[GR_POPULATE_BEFORE] = "before",
	[GR_POPULATE_BACKGROUND] = "background",
	[GR_POPULATE_LAZY] = "lazy",
};
_Static_assert(GR_ARRAY_SIZE(populate_names) == GR_POPULATE_COUNT, "a name for each");

const char *gr_populate_name(enum gr_populate populate)
{
	return populate_names[populate];
}

int gr_populate_parse(const char *text, enum gr_populate *ret, struct gr_error *err)
{
	int r;

	for (size_t i = 0; i < GR_ARRAY_SIZE(populate_names); i++) {
		if (!strcmp(text, populate_names[i])) {
			*ret = (enum gr_populate)i;
			return 0;
		}
	}
	r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%.32s' is no way to populate", text);
	gr_error_hint(err, "there are auto, before, background and lazy");
	return r;
}

/* On one node the kernel's reservation is a promise. It knows no nodes: of memory bound to a node
 * somebody else could take the page at its first touch, as long as any page is free to him. */
static bool reservation_is_promise(const struct gr_run_options *options)
{
	size_t nodes = 0;

	for (size_t i = 0; i < options->host->node_count; i++)
		nodes += options->host->nodes[i].total_bytes > 0;
	if (nodes <= 1)
		return true;
	for (size_t i = 0; i < options->request->need_count; i++) {
		if (options->request->needs[i].host_nodes.count)
			return false;
	}
	return true;
}

enum gr_populate gr_populate_choose(const struct gr_run_options *options)
{
	bool pinned = options->request->passthrough || options->request->locked;

	if (!gr_backing_is_pool(options->plan->backing)) {
		/* QEMU populates by itself or not at all, another VMM as it likes; base pages wait
		 * for the guest. */
		if (options->argv)
			return GR_POPULATE_LAZY;
		if (options->populate == GR_POPULATE_AUTO)
			return options->plan->backing == GR_BACKING_THP ? GR_POPULATE_BEFORE :
									  GR_POPULATE_LAZY;
		return options->populate == GR_POPULATE_BACKGROUND ? GR_POPULATE_LAZY :
								     options->populate;
	}
	if (options->populate == GR_POPULATE_BEFORE || pinned || !reservation_is_promise(options))
		return GR_POPULATE_BEFORE;
	return options->populate == GR_POPULATE_AUTO ? GR_POPULATE_BACKGROUND : options->populate;
}

static unsigned int prealloc_threads(const struct gr_run_options *options)
{
	return options->threads ? options->threads : options->host->cpus_online;
}

static int describe(const struct gr_run_options *options, enum gr_populate populate, size_t index,
		    const int *fds, const uint64_t *sizes, char **nodes,
		    struct gr_qemu_backing *ret)
{
	const struct gr_need *need = &options->request->needs[index];
	uint64_t page = options->plan->page_size_of_need[index];

	*ret = (struct gr_qemu_backing){ .fd = -1, .share = need->shared };
	if (gr_backing_is_pool(options->plan->backing)) {
		ret->fd = fds ? fds[index] : GR_RUN_FD_BASE + (int)index;
		ret->size_bytes = sizes ? sizes[index] :
				  gr_div_up(need->memory_bytes, page) * page;
		ret->share = true;
		return 0; /* the file is bound to its nodes already */
	}
	ret->prealloc = populate == GR_POPULATE_BEFORE;
	ret->prealloc_threads = ret->prealloc ? prealloc_threads(options) : 0;
	ret->policy = need->policy;
	if (!need->host_nodes.count)
		return 0;
	*nodes = gr_list_text(&need->host_nodes);
	ret->host_nodes = *nodes;
	return *nodes ? 0 : -ENOMEM;
}

int gr_command_make(const struct gr_run_options *options, enum gr_populate populate, const int *fds,
		    const uint64_t *sizes, char ***ret, struct gr_error *err)
{
	size_t count = options->request->need_count;
	struct gr_qemu_backing *backings = calloc(count, sizeof(*backings));
	char **nodes = calloc(count, sizeof(char *));
	int r = -ENOMEM;

	if (!options->qemu) {
		r = gr_argv_copy(options->argv, ret);
		goto done;
	}
	if (!backings || !nodes)
		goto done;
	for (size_t i = 0; i < count; i++) {
		r = describe(options, populate, i, fds, sizes, &nodes[i], &backings[i]);
		if (r < 0)
			goto done;
	}
	r = gr_qemu_rewrite(options->qemu, backings, count, ret, err);
done:
	if (r == -ENOMEM)
		gr_error_nomem(err);
	for (size_t i = 0; nodes && i < count; i++)
		free(nodes[i]);
	free(nodes);
	free(backings);
	return r;
}

int gr_run_command(const struct gr_run_options *options, char ***ret, struct gr_error *err)
{
	return gr_command_make(options, gr_populate_choose(options), NULL, NULL, ret, err);
}

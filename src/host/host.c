// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Takes the inventory: calls the reader of each part that was asked for, in an order in which each
 * finds what it needs, and looks things up in the result. Readers fail for lack of memory only;
 * everything else that goes wrong is a note, because half an inventory is better than none.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"
#include "host/survey.h"

static const struct {
	unsigned int what;
	int (*read)(const struct gr_root *root, struct gr_host *host);
} parts[] = {
	{ GR_READ_POOLS, gr_host_read_pools },
	{ GR_READ_THP, gr_host_read_thp },
	{ GR_READ_KVM, gr_host_read_kvm },
	{ GR_READ_MOUNTS, gr_host_read_mounts },
	{ GR_READ_CGROUPS, gr_host_read_cgroups },
	{ GR_READ_FEATURES, gr_host_read_features }, /* uses what the others found */
};

int gr_host_read(const struct gr_root *root, unsigned int what, struct gr_host **ret,
		 struct gr_error *err)
{
	_cleanup_host_ struct gr_host *host = calloc(1, sizeof(*host));
	int r;

	if (!host)
		return gr_error_nomem(err);
	r = gr_host_read_memory(root, host, err);
	if (r < 0)
		return r;
	r = gr_host_read_kernel(root, host);
	for (size_t i = 0; i < GR_ARRAY_SIZE(parts) && r >= 0; i++) {
		if ((what | GR_READ_POOLS) & parts[i].what)
			r = parts[i].read(root, host);
	}
	if (r < 0)
		return gr_error_nomem(err);
	*ret = gr_steal_ptr(host);
	return 0;
}

void gr_host_free(struct gr_host *host)
{
	if (!host)
		return;
	for (size_t i = 0; i < host->node_count; i++)
		gr_list_done(&host->nodes[i].cpus);
	for (size_t i = 0; i < host->thp.count; i++)
		gr_setting_done(&host->thp.settings[i]);
	for (size_t i = 0; i < host->mount_count; i++)
		free(host->mounts[i].path);
	for (size_t i = 0; i < host->limit_count; i++) {
		free(host->limits[i].cgroup);
		free(host->limits[i].file);
		free(host->limits[i].list);
	}
	for (size_t i = 0; i < host->note_count; i++)
		free(host->notes[i]);
	gr_list_done(&host->nodes_allowed);
	free(host->kernel_release);
	free(host->architecture);
	free(host->boot_id);
	free(host->nodes);
	free(host->zones);
	free(host->page_sizes);
	free(host->pools);
	free(host->thp.settings);
	free(host->kvm.module);
	free(host->kvm.nx_huge_pages);
	free(host->mounts);
	free(host->limits);
	free(host->cgroup2);
	free(host->features);
	free(host->notes);
	if (host->survey)
		gr_survey_done(host->survey);
	free(host->survey);
	free(host);
}

int gr_host_note(struct gr_host *host, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	/* Two parts may have missed the same file. */
	for (size_t i = 0; i < host->note_count; i++) {
		if (!strcmp(host->notes[i], text)) {
			free(text);
			return 0;
		}
	}
	if (gr_grow(&host->notes, host->note_count, sizeof(*host->notes)) < 0) {
		free(text);
		return -ENOMEM;
	}
	host->notes[host->note_count++] = text;
	return 0;
}

int gr_host_note_file(struct gr_host *host, const char *path, int r)
{
	static const char *const words[] = {
		[GR_ANSWER_OK] = "read",
		[GR_ANSWER_ABSENT] = "absent",
		[GR_ANSWER_FORBIDDEN] = "forbidden",
		[GR_ANSWER_MALFORMED] = "malformed",
	};

	if (gr_answer_of(r) == GR_ANSWER_MALFORMED && r != -EBADMSG && r != -EINVAL && r != -ERANGE)
		return gr_host_note(host, "/%s: cannot be read: %s", path, strerror(-r));
	return gr_host_note(host, "/%s: %s", path, words[gr_answer_of(r)]);
}

const struct gr_pool *gr_host_pool(const struct gr_host *host, uint64_t page_size_bytes, int node)
{
	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];

		if (pool->page_size_bytes == page_size_bytes && pool->node == node)
			return pool;
	}
	return NULL;
}

const struct gr_node *gr_host_node(const struct gr_host *host, unsigned int id)
{
	for (size_t i = 0; i < host->node_count; i++) {
		if (host->nodes[i].id == id)
			return &host->nodes[i];
	}
	return NULL;
}

bool gr_host_has_page_size(const struct gr_host *host, uint64_t page_size_bytes)
{
	for (size_t i = 0; i < host->page_size_count; i++) {
		if (host->page_sizes[i] == page_size_bytes)
			return true;
	}
	return false;
}

const char *gr_host_thp(const struct gr_host *host, const char *key)
{
	for (size_t i = 0; i < host->thp.count; i++) {
		if (!strcmp(host->thp.settings[i].key, key))
			return host->thp.settings[i].value;
	}
	return NULL;
}

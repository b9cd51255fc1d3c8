// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernel's own words about itself: release and architecture (for people), boot id, base page
 * size, CPUs, and the nodes this process may allocate from. The base page size of the running
 * host is sysconf()'s; a capture has to say it itself: in smaps, or because only one page size
 * makes the pages of the zones add up to the kilobytes of the nodes.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/size.h"
#include "base/util.h"
#include "host/read.h"

uint64_t gr_smaps_page_bytes(char *text)
{
	uint64_t least = 0, kb, bytes;
	char *line;

	while ((line = gr_next_line(&text))) {
		char *key = gr_next_word(&line), *number;

		if (!key || strcmp(key, "KernelPageSize:") != 0)
			continue;
		number = gr_next_word(&line);
		if (!number || gr_parse_u64(number, &kb) < 0 || !kb ||
		    __builtin_mul_overflow(kb, 1024, &bytes))
			continue;
		least = least ? gr_min_u64(least, bytes) : bytes;
	}
	return least;
}

/* The page size with which managed pages and MemTotal of a node agree to the byte. */
static uint64_t page_bytes_from_zones(const struct gr_host *host)
{
	for (size_t n = 0; n < host->node_count; n++) {
		const struct gr_node *node = &host->nodes[n];
		uint64_t pages = 0;

		for (size_t i = 0; i < host->zone_count; i++) {
			if (host->zones[i].node == node->id)
				pages = gr_add_saturating(pages, host->zones[i].managed_pages);
		}
		if (!pages || !node->total_bytes || node->total_bytes % pages)
			continue;
		return node->total_bytes / pages;
	}
	return 0;
}

static bool is_page_size(uint64_t bytes)
{
	return bytes >= 4 * GR_KIB && bytes <= GR_MIB && !(bytes & (bytes - 1));
}

int gr_host_read_base_page(const struct gr_root *root, struct gr_host *host)
{
	_cleanup_free_ char *text = NULL;
	uint64_t bytes = 0;

	if (gr_root_is_host(root)) {
		host->base_page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
		return 0;
	}
	if (gr_root_read(root, "proc/self/smaps", &text, NULL, NULL) >= 0)
		bytes = gr_smaps_page_bytes(text);
	if (!is_page_size(bytes))
		bytes = page_bytes_from_zones(host);
	if (is_page_size(bytes)) {
		host->base_page_bytes = bytes;
		return 0;
	}
	host->base_page_bytes = 4 * GR_KIB;
	return gr_host_note(host, "the capture does not tell the base page size: 4 KiB is assumed");
}

/* "Mems_allowed_list:\t0-1" */
static int read_allowed(const struct gr_root *root, struct gr_host *host)
{
	static const char key[] = "Mems_allowed_list:";
	_cleanup_free_ char *text = NULL;
	char *cursor, *line;
	int r = gr_root_read(root, "proc/self/status", &text, NULL, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : gr_host_note_file(host, "proc/self/status", r);
	cursor = text;
	while ((line = gr_next_line(&cursor))) {
		if (strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		r = gr_list_parse(gr_text_trim(line + sizeof(key) - 1), &host->nodes_allowed, NULL);
		if (r < 0 && r != -ENOMEM)
			r = gr_host_note_file(host, "proc/self/status", -EBADMSG);
		return r;
	}
	return 0;
}

static int read_cpus(const struct gr_root *root, struct gr_host *host)
{
	static const char path[] = "sys/devices/system/cpu/online";
	_cleanup_free_ char *text = NULL;
	_cleanup_list_ struct gr_list cpus = { 0 };
	int r = gr_root_read(root, path, &text, NULL, NULL);

	if (r >= 0)
		r = gr_list_parse(text, &cpus, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : gr_host_note_file(host, path, r);
	host->cpus_online = (unsigned int)cpus.count;
	return 0;
}

int gr_host_read_kernel(const struct gr_root *root, struct gr_host *host)
{
	const struct {
		const char *path;
		char **into;
	} words[] = {
		{ "proc/sys/kernel/osrelease", &host->kernel_release },
		{ "proc/sys/kernel/arch", &host->architecture }, /* since 6.1 */
		{ "proc/sys/kernel/random/boot_id", &host->boot_id },
	};
	int r;

	for (size_t i = 0; i < GR_ARRAY_SIZE(words); i++) {
		r = gr_root_read_line(root, words[i].path, words[i].into, NULL);
		if (r == -ENOMEM)
			return r;
	}
	if (!host->architecture && gr_root_is_host(root)) {
		struct utsname name;

		if (uname(&name) == 0 && !(host->architecture = strdup(name.machine)))
			return -ENOMEM;
	}
	r = read_cpus(root, host);
	return r < 0 ? r : read_allowed(root, host);
}

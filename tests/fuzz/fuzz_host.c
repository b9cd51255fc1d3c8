// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzing the parsers of the host layer, which all take text in memory. The first byte says which
 * one gets the rest.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_meminfo(char *text)
{
	struct gr_meminfo mem;

	if (gr_meminfo_parse(text, &mem) >= 0)
		gr_meminfo_file(&mem);
}

static void try_zoneinfo(char *text)
{
	_cleanup_free_ struct gr_zone *zones = NULL;
	size_t count = 0;

	gr_zoneinfo_parse(text, &zones, &count);
}

static void try_buddyinfo(char *text)
{
	_cleanup_free_ struct gr_zone *zones = NULL;
	size_t count = 0;

	gr_buddyinfo_parse(text, &zones, &count);
}

static void try_pagetypeinfo(char *text)
{
	struct gr_zone zones[] = { { .name = "Normal" }, { .name = "DMA32" }, { .name = "Movable" } };

	gr_pagetypeinfo_parse(text, zones, GR_ARRAY_SIZE(zones));
}

static void try_smaps(char *text)
{
	gr_smaps_page_bytes(text);
}

static void try_setting(char *text)
{
	struct gr_setting setting = { 0 };

	if (gr_setting_parse(text, &setting) >= 0)
		gr_setting_done(&setting);
}

static void try_mounts(char *text)
{
	struct gr_mount *mounts = NULL;
	size_t count = 0;

	if (gr_mounts_parse(text, 1 << 21, &mounts, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		free(mounts[i].path);
	free(mounts);
}

static void try_cgroup(char *text)
{
	char *own;

	if (gr_cgroup_own(text, "memory", &own) < 0)
		return;
	if (!*gr_cgroup_below_mount(own, "/a"))
		abort();
	free(own);
}

static void try_words(char *text)
{
	uint64_t bytes;

	gr_kilobytes_parse(text, &bytes);
	gr_config_state(text, "CONTIG_ALLOC");
	gr_mount_option(text, "pagesize", NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(char *text) = {
		try_meminfo, try_zoneinfo, try_buddyinfo, try_smaps,
		try_setting, try_mounts,   try_cgroup,	  try_words,
		try_pagetypeinfo,
	};
	_cleanup_free_ char *text = NULL;

	if (!size || !(text = malloc(size)))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	parsers[(uint8_t)(*data - '0') % GR_ARRAY_SIZE(parsers)](text);
	return 0;
}

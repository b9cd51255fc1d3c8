// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A smaps file is a header line per VMA ("start-end perms offset dev inode path") and below it
 * lines "Key: N kB" and "VmFlags: xx yy". A header begins with a hex address and a dash, which no
 * key does. Figures are taken by a table of keys, flags by a table of two-letter words.
 */
#include "verify/smaps.h"

#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/scan_text.h"

static const struct {
	const char *key;
	size_t offset;
} figures[] = {
	{ "KernelPageSize", offsetof(struct gr_vma, kernel_page_bytes) },
	{ "Rss", offsetof(struct gr_vma, rss_bytes) },
	{ "AnonHugePages", offsetof(struct gr_vma, anon_huge_bytes) },
	{ "ShmemPmdMapped", offsetof(struct gr_vma, shmem_huge_bytes) },
	{ "FilePmdMapped", offsetof(struct gr_vma, file_huge_bytes) },
	{ "Private_Hugetlb", offsetof(struct gr_vma, private_hugetlb_bytes) },
	{ "Shared_Hugetlb", offsetof(struct gr_vma, shared_hugetlb_bytes) },
	{ "Swap", offsetof(struct gr_vma, swap_bytes) },
	{ "Locked", offsetof(struct gr_vma, locked_bytes) },
};

static const struct {
	char word[3];
	size_t offset;
} flags[] = {
	{ "sh", offsetof(struct gr_vma, shared) },
	{ "ht", offsetof(struct gr_vma, hugetlb) },
	{ "io", offsetof(struct gr_vma, device) },
	{ "pf", offsetof(struct gr_vma, device) },
	{ "lo", offsetof(struct gr_vma, locked) },
	{ "hg", offsetof(struct gr_vma, advised_huge) },
	{ "nh", offsetof(struct gr_vma, advised_base) },
};

/* "7f00-7f10 rw-s 00000000 00:11 209   /memfd:x (deleted)". Return: 1, 0 if it is no header. */
static int parse_header(const char *line, struct gr_vma *vma)
{
	const char *p = line;

	if (gr_scan_hex(&p, &vma->start) < 0 || *p != '-')
		return 0;
	p++;
	if (gr_scan_hex(&p, &vma->end) < 0 || vma->start >= vma->end || *p++ != ' ')
		return -EBADMSG;
	if (strnlen(p, 5) < 5 || p[4] != ' ')
		return -EBADMSG;
	vma->readable = p[0] == 'r';
	vma->writable = p[1] == 'w';
	vma->executable = p[2] == 'x';
	vma->shared = p[3] == 's';
	p += 5;
	if (gr_scan_hex(&p, &vma->offset) < 0 || *p++ != ' ')
		return -EBADMSG;
	if (gr_scan_hex(&p, &vma->dev_major) < 0 || *p++ != ':')
		return -EBADMSG;
	if (gr_scan_hex(&p, &vma->dev_minor) < 0 || *p++ != ' ')
		return -EBADMSG;
	if (gr_scan_dec(&p, &vma->inode) < 0)
		return -EBADMSG;
	p += strspn(p, " ");
	vma->path = strdup(p);
	return vma->path ? 1 : -ENOMEM;
}

static int parse_figure(const char *key, size_t key_len, const char *value, struct gr_vma *vma)
{
	uint64_t kib;

	for (size_t i = 0; i < GR_ARRAY_SIZE(figures); i++) {
		uint64_t *field = (uint64_t *)(void *)((char *)vma + figures[i].offset);

		if (strlen(figures[i].key) != key_len || memcmp(figures[i].key, key, key_len) != 0)
			continue;
		value += strspn(value, " ");
		if (gr_scan_dec(&value, &kib) < 0 || strcmp(value, " kB") != 0 ||
		    __builtin_mul_overflow(kib, GR_KIB, field))
			return -EBADMSG;
		return 0;
	}
	return 0;
}

static void parse_flags(const char *p, struct gr_vma *vma)
{
	for (;;) {
		size_t len;

		p += strspn(p, " ");
		len = strcspn(p, " ");
		if (!len)
			return;
		for (size_t i = 0; len == 2 && i < GR_ARRAY_SIZE(flags); i++) {
			if (!memcmp(p, flags[i].word, 2))
				*(bool *)((char *)vma + flags[i].offset) = true;
		}
		p += len;
	}
}

/*
 * The kernel lets go of the process's memory map between two pieces of the file, and goes on with
 * the mapping at the address where the last one ended. One that grew downwards meanwhile, or took
 * its neighbour in, is shown in full then: it replaces what it covers.
 */
static int make_room(struct gr_smaps *smaps, const struct gr_vma *vma)
{
	if (smaps->count && smaps->vmas[smaps->count - 1].end >= vma->end)
		return -EBADMSG; /* addresses never go backwards */
	while (smaps->count && smaps->vmas[smaps->count - 1].end > vma->start)
		free(smaps->vmas[--smaps->count].path);
	return gr_grow(&smaps->vmas, smaps->count, sizeof(*smaps->vmas));
}

static int parse_line(const char *line, struct gr_smaps *smaps)
{
	struct gr_vma vma = { 0 };
	const char *colon;
	int r = parse_header(line, &vma);

	if (r < 0)
		return r;
	if (r > 0) {
		r = make_room(smaps, &vma);
		if (r < 0) {
			free(vma.path);
			return r;
		}
		smaps->vmas[smaps->count++] = vma;
		return 0;
	}
	colon = strchr(line, ':');
	if (!colon || !smaps->count)
		return -EBADMSG;
	if (colon - line == 7 && !memcmp(line, "VmFlags", 7)) {
		parse_flags(colon + 1, &smaps->vmas[smaps->count - 1]);
		return 0;
	}
	return parse_figure(line, (size_t)(colon - line), colon + 1,
			    &smaps->vmas[smaps->count - 1]);
}

int gr_smaps_parse(char *text, struct gr_smaps *ret, struct gr_error *err)
{
	_cleanup_smaps_ struct gr_smaps smaps = { 0 };
	unsigned long number = 1;
	char *line;

	for (; (line = gr_next_line(&text)); number++) {
		int r = parse_line(line, &smaps);

		if (r == -ENOMEM)
			return gr_error_nomem(err);
		if (r < 0)
			return gr_error_set(err, GR_CLASS_SYSTEM, EBADMSG,
					    "smaps: line %lu is not understood: '%.64s'", number,
					    line);
	}
	*ret = smaps;
	smaps = (struct gr_smaps){ 0 };
	return 0;
}

void gr_smaps_done(struct gr_smaps *smaps)
{
	for (size_t i = 0; i < smaps->count; i++)
		free(smaps->vmas[i].path);
	free(smaps->vmas);
	*smaps = (struct gr_smaps){ 0 };
}

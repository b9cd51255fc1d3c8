/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the host layer. Two kinds of functions: parsers, which take text in memory and open
 * nothing (so they can be fuzzed and fed by tests), and readers, which fetch files through a root,
 * hand them to a parser and turn every failure but lack of memory into a line of notes[].
 */
#ifndef GR_HOST_READ_H
#define GR_HOST_READ_H

#include "host/host.h"

/* --- parse.c: words, numbers, answers --- */

/** gr_next_word - cut the next word (blanks, tabs) out of *@cursor. Return: word, NULL at the end.
 */
char *gr_next_word(char **cursor);

/** gr_text_trim - cut white space off the end, return the start behind leading white space. */
char *gr_text_trim(char *text);

static inline uint64_t gr_add_saturating(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/** gr_answer_of - what -errno of a read means; any other error than absent/forbidden: malformed. */
enum gr_answer gr_answer_of(int r);

/* --- parsers: they cut @text into pieces --- */

struct gr_meminfo { /* in bytes */
	struct gr_figure total, free, available, swap_free, page_tables, hugetlb, hugepagesize,
		active_file, inactive_file, slab_reclaimable, kernel_reclaimable, cma_total;
};

/**
 * gr_meminfo_parse - /proc/meminfo, or a node's meminfo ("Node 3 MemTotal: ...")
 *
 * Return: 0, or -EBADMSG if a known line holds no number or one that overflows.
 */
int gr_meminfo_parse(char *text, struct gr_meminfo *ret);

/* Sums of lines, saturating: page cache on the file lists; what the kernel calls reclaimable. */
uint64_t gr_meminfo_file(const struct gr_meminfo *mem);
uint64_t gr_meminfo_reclaimable(const struct gr_meminfo *mem);

/** gr_zoneinfo_parse - populated zones of /proc/zoneinfo. Return: 0, -EBADMSG, -ENOMEM. */
int gr_zoneinfo_parse(char *text, struct gr_zone **ret_zones, size_t *ret_count);

/**
 * gr_buddyinfo_parse - put the lists of /proc/buddyinfo into the zones they belong to
 *
 * Any number of columns up to GR_ORDERS_MAX. A zone that is not in *@zones yet is added with what
 * its lists tell (zoneinfo may be missing where buddyinfo is not). *@zones is usable on failure,
 * too. Return: 0, -EBADMSG or -ENOMEM.
 */
int gr_buddyinfo_parse(char *text, struct gr_zone **zones, size_t *count);

/** gr_zone_head_parse - "Node 0, zone   Normal": fills @zone, leaves *@cursor behind the name.
 * Return: 0, -ENOENT if it is another line, -EBADMSG. */
int gr_zone_head_parse(char **cursor, struct gr_zone *zone);

/** gr_pagetypeinfo_parse - unmovable_pages of the zones that /proc/pagetypeinfo lists. Return: 0,
 * -EBADMSG. */
int gr_pagetypeinfo_parse(char *text, struct gr_zone *zones, size_t count);

/** gr_dentries_parse - /proc/sys/fs/dentry-state: all and unused ones. Return: 0, -EBADMSG. */
int gr_dentries_parse(char *text, struct gr_host *host);

/** gr_smaps_page_bytes - smallest KernelPageSize of a smaps file, 0 if there is none. */
uint64_t gr_smaps_page_bytes(char *text);

/** gr_setting_parse - "always [madvise] never", or one word; key untouched. Return: 0, -EBADMSG,
 * -ENOMEM. */
int gr_setting_parse(const char *text, struct gr_setting *setting);

void gr_setting_done(struct gr_setting *setting);

/** gr_kilobytes_parse - "2048kB" as in directory names and demote_size. Return: 0, -EBADMSG. */
int gr_kilobytes_parse(const char *text, uint64_t *ret_bytes);

struct gr_mountinfo { /* strings point into the parsed text, escapes undone */
	uint64_t id, parent;
	char *root, *path, *options, *type, *super_options;
};

/** gr_mountinfo_parse - Return: number of lines that were skipped as malformed, or -ENOMEM. */
int gr_mountinfo_parse(char *text, struct gr_mountinfo **ret, size_t *ret_count);

/** gr_mountinfo_visible - false if a later mount hides it. */
bool gr_mountinfo_visible(const struct gr_mountinfo *mounts, size_t count, size_t which);

/**
 * gr_mount_option - look @name up in a comma separated list
 *
 * Return: true if it is there; *@ret_value (may be NULL) is then a copy of what follows "=", ""
 * without one, cut to the buffer.
 */
bool gr_mount_option(const char *options, const char *name, char *ret_value, size_t value_size);

/** gr_mounts_parse - visible hugetlbfs mounts. Return: as gr_mountinfo_parse. */
int gr_mounts_parse(char *text, uint64_t default_page_size_bytes, struct gr_mount **ret,
		    size_t *ret_count);

/**
 * gr_cgroup_own - the caller's cgroup of a controller, from /proc/self/cgroup
 * @controller: "memory"; NULL: the unified hierarchy
 *
 * Return: path in malloc'ed memory in *@ret, -ENOENT, -ENOMEM.
 */
int gr_cgroup_own(const char *text, const char *controller, char **ret);

/**
 * gr_cgroup_below_mount - a cgroup as seen below a mount whose root is @mount_root
 *
 * Return: part of @cgroup, "/" where the mount does not show it.
 */
const char *gr_cgroup_below_mount(const char *cgroup, const char *mount_root);

/** gr_config_state - a kernel configuration's word on CONFIG_@name: 1 set, 0 not set. */
int gr_config_state(const char *config, const char *name);

/* --- readers --- */

int gr_host_note(struct gr_host *host, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** gr_host_note_file - "/PATH: absent|forbidden|malformed". Return: 0 or -ENOMEM. */
int gr_host_note_file(struct gr_host *host, const char *path, int r);

int gr_host_read_memory(const struct gr_root *root, struct gr_host *host, struct gr_error *err);
int gr_host_read_nodes(const struct gr_root *root, const struct gr_meminfo *mem,
		       struct gr_host *host);
int gr_host_read_kernel(const struct gr_root *root, struct gr_host *host);
int gr_host_read_base_page(const struct gr_root *root, struct gr_host *host);
int gr_host_read_pools(const struct gr_root *root, struct gr_host *host);
int gr_host_read_thp(const struct gr_root *root, struct gr_host *host);
int gr_host_read_kvm(const struct gr_root *root, struct gr_host *host);
int gr_host_read_mounts(const struct gr_root *root, struct gr_host *host);
int gr_host_read_cgroups(const struct gr_root *root, struct gr_host *host);
/** gr_host_cgroup_limits - limits of the cgroups that the text of a /proc/PID/cgroup names, into
 * @host, whose page sizes and nodes are known. Return: 0 or -ENOMEM. */
int gr_host_cgroup_limits(const struct gr_root *root, const char *cgroups, struct gr_host *host);
int gr_host_read_features(const struct gr_root *root, struct gr_host *host);

/** gr_host_settle - unplaced memory and the estimates, from what was read; no I/O. Return: 0 or
 * -ENOMEM. */
int gr_host_settle(const struct gr_meminfo *mem, struct gr_host *host);

/* --- probe.c: harmless system calls, for the real host only --- */

/** gr_probe_name - the i-th probe and what it calls; NULL behind the last one. */
const char *gr_probe_name(size_t i, const char **ret_source);

/** gr_probe - ask the running kernel. Return: 1 yes, 0 no, -errno: it would not say. */
int gr_probe(const struct gr_root *root, size_t i);

#endif

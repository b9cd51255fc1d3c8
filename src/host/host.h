/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host is, read once from /proc and /sys and never written: nodes, zones and buddy lists,
 * huge-page pools, THP settings, KVM, hugetlbfs mounts, the caller's cgroup limits, features.
 * plan/ decides on this struct alone, so that every user's machine can be a fixture.
 */
#ifndef GR_HOST_HOST_H
#define GR_HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/root.h"

struct gr_survey;

/* A figure that a file gave, or did not: an unknown value is null, never 0. */
struct gr_figure {
	bool known;
	uint64_t value;
};

/* How a file answered. Absent, forbidden and malformed are never merged. */
enum gr_answer { GR_ANSWER_OK, GR_ANSWER_ABSENT, GR_ANSWER_FORBIDDEN, GR_ANSWER_MALFORMED };

#define GR_ORDERS_MAX 32

struct gr_zone {
	char name[16];       /* DMA, DMA32, Normal, Movable ... */
	unsigned int node;
	uint64_t free_pages, min_pages, low_pages, high_pages, present_pages, managed_pages;
	uint64_t start_pfn, spanned_pages; /* with holes; 0 spanned: not told */
	uint64_t percpu_pages;         /* free, in the CPUs' own lists; not in free_pages */
	struct gr_figure unmovable_pages; /* in blocks set aside for them; read with a survey only */
	uint64_t lowmem_reserve_pages; /* largest of the protection: line */
	unsigned int orders;           /* columns of /proc/buddyinfo: not always 11 */
	uint64_t buddy[GR_ORDERS_MAX]; /* free blocks per order */
};

struct gr_pool {
	uint64_t page_size_bytes;
	int node;              /* -1: the global pool */
	enum gr_answer answer; /* not OK: total, free and surplus are unknown (and 0) */
	uint64_t total, free;  /* pages; total includes surplus, as the kernel's file does */
	uint64_t surplus;
	uint64_t reserved;     /* global pool only: resv_hugepages; sane value (C85: an underflow is 0) */
	bool reserved_bogus;   /* the kernel's counter had underflowed (reads near 2^64) */
	uint64_t reserved_raw; /* what it reads */
	uint64_t claimed;      /* free pages that leases hold for others; not from the kernel */
	uint64_t used_by_unknown; /* pages in use by whom no lease knows; not from the kernel */
	uint64_t overcommit;   /* global pool only */
	bool reserved_known, overcommit_known;
	bool writable;         /* nr_hugepages may be written by this process */
	bool has_demote;
	struct gr_figure demote_size_bytes;
};

struct gr_node {
	unsigned int id;
	bool memory_known; /* false: its meminfo could not be read, the figures are 0 */
	uint64_t total_bytes, free_bytes; /* 0 total: a node without memory */
	uint64_t available_bytes_estimate; /* the kernel has no such figure per node: ours */
	uint64_t file_bytes, slab_reclaimable_bytes; /* what reclaim could give back, roughly */
	struct gr_list cpus;
	bool cpus_known;
};

struct gr_mount {
	char *path;
	uint64_t page_size_bytes; /* 0: the default size could not be told */
	bool has_pagesize_option;
	struct gr_figure size_bytes, min_size_bytes;
	struct gr_figure uid, gid, mode;
	bool read_only;
};

struct gr_setting {
	char *key;           /* as below transparent_hugepage/: "enabled", "khugepaged/defrag" */
	char *value;         /* the chosen word ([x] taken out of its brackets), or the number */
	char **choices;      /* NULL-terminated, NULL for a number */
	enum gr_answer answer;
};

struct gr_thp {
	bool present;
	uint64_t pmd_size_bytes; /* hpage_pmd_size; 0 unknown */
	struct gr_setting *settings;
	size_t count;
};

struct gr_kvm {
	enum gr_answer device; /* /dev/kvm: may this process open it? */
	bool nested_parameter_known, nested;
	char *module;          /* kvm_intel, kvm_amd, or NULL */
	char *nx_huge_pages;   /* Y, N, auto ... or NULL */
};

/* A limit of a cgroup on the caller's path that is tighter than "max". */
struct gr_cgroup_limit {
	char *cgroup;       /* "/a/b" */
	char *file;         /* "memory.max", "hugetlb.2MB.max", "cpuset.mems.effective" ... */
	bool is_list;
	uint64_t limit_bytes;
	struct gr_figure current_bytes;
	char *list;         /* for cpuset files */
};

struct gr_feature {
	const char *name;  /* "contig_alloc", "populate_write", "pagemap_scan", "node_compact" ... */
	enum { GR_FEATURE_NO, GR_FEATURE_YES, GR_FEATURE_UNKNOWN } state;
	const char *source; /* where that was read */
};

struct gr_host {
	char *kernel_release; /* for people only; no decision reads it */
	char *architecture;
	char *boot_id;
	uint64_t base_page_bytes;
	uint64_t default_page_size_bytes; /* Hugepagesize of meminfo; 0 without hugetlb */
	uint64_t mem_total_bytes, mem_free_bytes, mem_available_bytes;
	uint64_t swap_free_bytes, page_tables_bytes;
	bool swap_known, page_tables_known;
	struct gr_figure hugetlb_bytes;       /* "Hugetlb:" of meminfo, all sizes */
	struct gr_figure cma_total_bytes;     /* only kernels with CMA have that line */
	struct gr_figure dentries;            /* in the kernel's cache; read with a survey only */
	uint64_t dentries_unused;             /* of them, can go */
	uint64_t unplaced_free_bytes; /* free memory that no zone lists yet (deferred initialisation) */
	struct gr_list nodes_allowed; /* Mems_allowed_list of this process */
	unsigned int cpus_online;
	struct gr_node *nodes;
	size_t node_count;
	struct gr_zone *zones;
	size_t zone_count;
	uint64_t *page_sizes; /* huge page sizes, ascending, from sysfs */
	size_t page_size_count;
	struct gr_pool *pools; /* global pools first (node -1), then per node */
	size_t pool_count;
	struct gr_thp thp;
	struct gr_kvm kvm;
	struct gr_mount *mounts;
	size_t mount_count;
	struct gr_cgroup_limit *limits;
	size_t limit_count;
	char *cgroup2; /* own cgroup of version 2 as a path for base/root.h; NULL: none, or not read */
	struct gr_feature *features;
	size_t feature_count;
	struct gr_survey *survey; /* its pages one by one (gr_host_survey()), or NULL */
	char **notes; /* what could not be read and why, for people */
	size_t note_count;
};

/* What to read; GR_READ_POOLS is what reserve needs and nothing else. */
enum gr_read {
	GR_READ_POOLS = 1 << 0,   /* meminfo, nodes, zones, page sizes, pools: always implied */
	GR_READ_THP = 1 << 1,
	GR_READ_KVM = 1 << 2,
	GR_READ_MOUNTS = 1 << 3,
	GR_READ_CGROUPS = 1 << 4,
	GR_READ_FEATURES = 1 << 5,
	GR_READ_ALL = 0x3f,
};

/**
 * gr_host_read - take the inventory
 *
 * Only /proc/meminfo is indispensable; anything else that is absent or forbidden leaves its fields
 * empty and a line in notes[]. Return: 0 or -errno. Free with gr_host_free().
 */
int gr_host_read(const struct gr_root *root, unsigned int what, struct gr_host **ret,
		 struct gr_error *err);
void gr_host_free(struct gr_host *host);

static inline void gr_host_freep(struct gr_host **host)
{
	gr_host_free(*host);
}
#define _cleanup_host_ __attribute__((cleanup(gr_host_freep)))

/** gr_host_pool - the pool of a size on a node (-1: global), or NULL. */
const struct gr_pool *gr_host_pool(const struct gr_host *host, uint64_t page_size_bytes, int node);
const struct gr_node *gr_host_node(const struct gr_host *host, unsigned int id);
bool gr_host_has_page_size(const struct gr_host *host, uint64_t page_size_bytes);
/* The value of a THP setting ("enabled"), or NULL. */
const char *gr_host_thp(const struct gr_host *host, const char *key);

/**
 * gr_host_hugetlbfs - the visible hugetlbfs mounts of a mountinfo file, of any process
 *
 * Return: number of lines that were skipped as malformed, or -errno. Free with gr_mounts_free().
 */
int gr_host_hugetlbfs(const struct gr_root *root, const char *path,
		      uint64_t default_page_size_bytes, struct gr_mount **ret, size_t *ret_count);
void gr_mounts_free(struct gr_mount *mounts, size_t count);

/** gr_pool_path - "sys/kernel/mm/hugepages/hugepages-2048kB/FILE", or the node's; -ENAMETOOLONG. */
int gr_pool_path(uint64_t page_size_bytes, int node, const char *file, char *buf, size_t buf_size);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a running VM really got, read from two kernel sources that have to agree: smaps with
 * numa_maps, and the page map (PAGEMAP_SCAN, else kpageflags). Nothing here knows leases: any
 * process can be judged, also one that we did not start.
 */
#ifndef GR_VERIFY_VERIFY_H
#define GR_VERIFY_VERIFY_H

#include <sys/types.h>

#include "base/root.h"
#include "guest/request.h"
#include "host/host.h"

struct gr_bytes_by_size { /* populated bytes */
	uint64_t page_size_bytes; /* 0: in the file, not mapped by this process, size unknown */
	uint64_t bytes;
};

struct gr_bytes_by_node {
	int node; /* -1: in the file, not mapped by this process, node unknown */
	uint64_t bytes;
};

/*
 * By folio: the kernel's own unit of memory, however it is mapped. A 64 KiB folio is sixteen base
 * pages in the page table, and so is half of a huge page that was split by its mapping alone.
 */
struct gr_exact {
	bool known;
	int error;  /* not known: 0 was not asked for, -EPERM frames are hidden, else -errno */
	struct gr_bytes_by_size *by_size; /* 0: it changed while it was read */
	size_t by_size_count;
	struct gr_bytes_by_node *by_node; /* by frame number; -1: in the zones of several nodes */
	size_t by_node_count;
	uint64_t partly_bytes; /* of the above: mapped from folios that are not mapped whole */
};

/* A run of guest-physical addresses on a run of the VMM's own. */
struct gr_slot {
	uint64_t guest, host, size_bytes;
};

enum gr_slots_from {
	GR_SLOTS_UNKNOWN,
	GR_SLOTS_DERIVED, /* from the machine type and the sizes on the command line */
	GR_SLOTS_QMP,	  /* QEMU said so */
};

enum gr_agreement {
	GR_ORACLES_AGREE,
	GR_ORACLES_UNSETTLED, /* the memory changes faster than it can be read: unknown */
	GR_ORACLES_DISAGREE,
};

struct gr_region {
	uint64_t start, size_bytes;
	char *path;              /* of the mapping, or "" */
	bool shared;             /* from the VMA's flags, not from Private_Hugetlb */
	bool hugetlb;
	uint64_t kernel_page_bytes; /* of the mapping */
	struct gr_bytes_by_size *by_size;
	size_t by_size_count;
	struct gr_bytes_by_node *by_node;
	size_t by_node_count;
	uint64_t populated_bytes, swapped_bytes, locked_bytes;
	uint64_t mapped_bytes;   /* of populated: in the page tables of this process */
	struct { /* 0 for anonymous memory */
		uint64_t dev_major, dev_minor, inode, offset;
		uint64_t first_vma_end; /* the region may be several VMAs: of the first */
	} file;
	bool on_disk;            /* its file is on a disk: no hugetlbfs, no tmpfs */
	bool file_known;         /* a memory file whose allocation could be read: */
	uint64_t file_bytes;     /* pages that the file has, mapped here or not */
	bool by_node_known;
	uint64_t alignment_bytes; /* largest page size of this host that start is a multiple of */
	struct gr_slot *slots;    /* its guest-physical addresses; what is not there is unknown */
	size_t slot_count;
	enum gr_slots_from slots_from;
	uint64_t at_most_pmd_bytes, at_most_pud_bytes; /* of slots: the second stage, at best */
	/* The second oracle. */
	bool scan_known;
	uint64_t scan_huge_bytes, scan_present_bytes, scan_swapped_bytes;
	enum gr_agreement agreement; /* meaningful if scan_known */
	uint64_t moved_bytes;    /* by how much the readings of one oracle differed */
	struct gr_exact exact;
};

/* Pages in KVM's own tables for the guest (the second stage), from its statistics. */
enum gr_stage2_source {
	GR_STAGE2_NONE,
	GR_STAGE2_QMP,	   /* query-stats, QEMU 7.1 */
	GR_STAGE2_DEBUGFS, /* kvm/PID-FD */
	GR_STAGE2_FD,	   /* the statistics descriptor, which KVM gives to the VM's process alone */
};

struct gr_stage2 {
	bool known;
	uint64_t pages_4k, pages_2m, pages_1g;
	enum gr_stage2_source source; /* of the counts */
	bool splits_known;
	uint64_t nx_splits; /* large pages that nx_huge_pages has split at this moment */
};

struct gr_finding {
	char code[16]; /* GR301 ... stable */
	char *message;
};

struct gr_inspection {
	pid_t pid;
	uint64_t start_time;  /* field 22 of stat: a pid alone is no identity */
	char *name;           /* -name of QEMU, else comm */
	char *vmm;            /* "qemu", "cloud-hypervisor", "guestram", ... or NULL: not recognised */
	bool recognised;      /* guest RAM was recognised; else regions are mappings >= 16 MiB */
	uint64_t ram_bytes;   /* sum of the regions' sizes */
	struct gr_region *regions;
	size_t region_count;
	struct gr_bytes_by_size *by_size;
	size_t by_size_count;
	struct gr_bytes_by_node *by_node;
	size_t by_node_count;
	uint64_t populated_bytes, untouched_bytes, swapped_bytes, locked_bytes;
	struct gr_figure page_table_bytes; /* VmPTE of the process */
	bool huge_percent_known;
	double huge_percent;  /* bytes on any huge page / ram_bytes */
	uint64_t threads;
	struct gr_exact exact; /* of all regions */
	bool uses_kvm, uses_vfio; /* by its open files; false if those could not be listed */
	uint64_t base_page_bytes; /* page sizes of the page table's three lowest levels; 0: the */
	uint64_t pmd_bytes, pud_bytes; /* host has no such pages */
	struct gr_qmp_facts *qmp;      /* what QEMU itself said (qmp.h), or NULL */
	bool scan_known;      /* of every region */
	enum gr_agreement agreement; /* the worst of all regions */
	bool fds_known;       /* its open files could be listed */
	struct gr_stage2 stage2;
	int stage2_error;     /* why it is not known: -ENODATA all counts are 0, -ENOENT, -EACCES */
	bool nx_splits;       /* kvm.nx_huge_pages is on */
	struct gr_finding *findings;
	size_t finding_count;
};

/**
 * gr_inspect_pid - look at a process
 *
 * Return: 0; -ESRCH (class no) if there is no such process or it ended meanwhile; -EACCES with the
 * file that was forbidden.
 */
int gr_inspect_pid(const struct gr_root *root, pid_t pid, struct gr_inspection **ret,
		   struct gr_error *err);

/** gr_inspect_range - the same of one range of addresses alone, which is RAM whatever it looks like. */
int gr_inspect_range(const struct gr_root *root, pid_t pid, uint64_t start, uint64_t size_bytes,
		     struct gr_inspection **ret, struct gr_error *err);

/**
 * gr_inspect_exact - gr_inspect_pid() that also looks at every folio
 *
 * Needs CAP_SYS_ADMIN for the frame numbers; without it all is filled as by gr_inspect_pid(), and
 * exact.known stays false with exact.error saying why. Takes time: it reads what lies behind each
 * base page that is mapped, in 1 MiB of buffers.
 */
int gr_inspect_exact(const struct gr_root *root, pid_t pid, struct gr_inspection **ret,
		     struct gr_error *err);
void gr_inspection_free(struct gr_inspection *inspection);

static inline void gr_inspection_freep(struct gr_inspection **i)
{
	gr_inspection_free(*i);
}
#define _cleanup_inspection_ __attribute__((cleanup(gr_inspection_freep)))

/** gr_process_start_time - field 22 of /proc/PID/stat. Return: 0, -ESRCH or -errno. A zombie is
 * -ESRCH, since its memory is gone, unless other threads of it live on. */
int gr_process_start_time(const struct gr_root *root, pid_t pid, uint64_t *ret,
			  struct gr_error *err);

/**
 * gr_find_by_name - pids of VMs called @name
 *
 * That is the libvirt domain of that name and what has it as -name, --name or --id; where nobody
 * has, processes by comm. Return: count or -errno. Free *@ret.
 */
int gr_find_by_name(const struct gr_root *root, const char *name, pid_t **ret,
		    struct gr_error *err);

/**
 * gr_find_vms - pids of all VMs, ascending: known VMMs, and whatever holds a KVM VM
 * @ret_hidden: processes whose open files may not be listed and whose program is no VMM that we
 * know, so that nobody can say; 0 for root. May be NULL
 *
 * Return: count or -errno. Free *@ret.
 */
int gr_find_vms(const struct gr_root *root, pid_t **ret, size_t *ret_hidden,
		struct gr_error *err);

struct gr_verdict {
	bool kept;
	bool broken;           /* some of it is on other pages, or in swap; with neither it is unknown:
				* not touched yet, or not recognised */
	uint64_t asked_page_bytes;
	uint64_t got_bytes;    /* on pages of that size (for THP: on huge pages) */
	uint64_t ram_bytes;
	char *message;         /* "2 GiB of 2 GiB on 2 MiB pages", or what is missing and why */
};

/**
 * gr_judge - was the promise kept?
 * @page_size_bytes: what was promised; all of the RAM has to be on it
 * @percent: how much of it has to be (100 for hugetlb)
 */
int gr_judge(const struct gr_inspection *inspection, uint64_t page_size_bytes, double percent,
	     struct gr_verdict *ret);
void gr_verdict_done(struct gr_verdict *verdict);

#endif

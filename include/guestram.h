/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libguestram: guest RAM for authors of VMMs. Memory on the backing that it should have (base
 * pages, transparent huge pages, huge pages of the kernel's pools), proven from the kernel's own
 * page tables, and the huge pages given back exactly. See libguestram(3).
 *
 * Functions return 0 or a count, or a negative errno. Where @err is not NULL it then says the rest
 * to a person: one phrase with the numbers, and apart from it what to do next. Results (ret_...)
 * are set on success and left alone on failure.
 *
 * The library prints nothing, ends no process, installs no signal handler and has no global state.
 * A handle and the memory made from it are for one thread at a time; different handles are
 * independent of each other, in one process or in several.
 */
#ifndef GUESTRAM_H
#define GUESTRAM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Every struct begins with its size, set by the caller with sizeof: what a later version of this
 * header appends is 0 for a program of today, and a program of tomorrow that asks an older library
 * for what it does not know is refused with -E2BIG. Clear the rest before use:
 *
 *	struct guestram_memory_options options = { .size = sizeof(options), .name = "vm1" };
 */

enum guestram_error_kind {
	GUESTRAM_ERROR_NO = 1,       /* the answer is no: nothing of that name */
	GUESTRAM_ERROR_USAGE = 2,    /* wrong use, or a request that no host could meet */
	GUESTRAM_ERROR_HOST = 3,     /* this host cannot; nothing is left changed */
	GUESTRAM_ERROR_SYSTEM = 4,   /* a system call failed */
	GUESTRAM_ERROR_STRANDED = 5, /* something could not be put back: recover tries again */
};

struct guestram_error {
	size_t size;
	int kind;          /* enum guestram_error_kind, which is the exit status of guestram(1) too */
	int errnum;        /* the errno, positive */
	char message[512]; /* one phrase, without a full stop or a newline */
	char hint[512];    /* what to do next, in the words of guestram(1); may be empty */
};

struct guestram;        /* a handle */
struct guestram_memory; /* guest RAM in this process */

enum guestram_backing {
	GUESTRAM_BACKING_AUTO = 0,    /* the one with the best reasons on this host */
	GUESTRAM_BACKING_4K = 1,      /* base pages, of whatever size they are here */
	GUESTRAM_BACKING_THP = 2,     /* transparent huge pages: as many as the kernel has */
	GUESTRAM_BACKING_STATIC = 3,  /* huge pages that are in the pool already; none are added */
	GUESTRAM_BACKING_DYNAMIC = 4, /* huge pages added to the pool, and taken out again at the end */
};

enum guestram_node_policy { /* as policy= of QEMU's memory backends; see set_mempolicy(2) */
	GUESTRAM_NODE_DEFAULT = 0, /* with nodes: as bind */
	GUESTRAM_NODE_PREFERRED = 1,
	GUESTRAM_NODE_BIND = 2,
	GUESTRAM_NODE_INTERLEAVE = 3,
};

enum guestram_populate {
	GUESTRAM_POPULATE_BEFORE = 0, /* every page is there when create returns */
	GUESTRAM_POPULATE_LATER = 1,  /* by guestram_memory_populate(), or at the first touch */
};

enum guestram_memory_flags {
	GUESTRAM_MEMORY_SHARED = 1,      /* another process maps it (vhost-user, virtiofs): has an fd */
	GUESTRAM_MEMORY_PASSTHROUGH = 2, /* a device pins all of it (VFIO): narrows what AUTO takes */
};

/**
 * guestram_open - a handle
 * @root_dir: NULL for this host; else a directory with a captured proc/ and sys/, only to look at
 *
 * Touches nothing and needs no privilege. Return: 0; -ENOENT or -ENOTDIR; -ENOMEM.
 */
int guestram_open(const char *root_dir, struct guestram **ret, struct guestram_error *err);

/**
 * guestram_close - let go of a handle (NULL is none)
 *
 * Memory made from it lives on until it is destroyed.
 */
void guestram_close(struct guestram *handle);

/**
 * guestram_page_sizes - the huge page sizes of the kernel, ascending, in bytes
 * @ret_sizes: gets the first @room of them; may be NULL if @room is 0
 *
 * Source: the directories below /sys/kernel/mm/hugepages (the kernel's
 * Documentation/admin-guide/mm/hugetlbpage.rst). No size is taken for granted.
 * Return: how many there are, also if that is more than @room; 0 on a kernel without huge pages;
 * -errno if the host could not be read.
 */
int guestram_page_sizes(struct guestram *handle, uint64_t *ret_sizes, size_t room,
			struct guestram_error *err);

/**
 * guestram_default_page_size - the size of a huge page where nobody names one, in bytes
 *
 * Source: Hugepagesize in /proc/meminfo; it is not always the smallest (default_hugepagesz=).
 * Return: 0; -ENOENT on a kernel without huge pages; -errno.
 */
int guestram_default_page_size(struct guestram *handle, uint64_t *ret_bytes,
			       struct guestram_error *err);

struct guestram_memory_options {
	size_t size;
	const char *name;         /* of the lease and in /proc/PID/maps: [A-Za-z0-9._-]{1,128}, no dot
				   * in front; must be given. Only one lease has it at a time. */
	uint64_t size_bytes;      /* whole pages of the backing's page size */
	uint64_t page_size_bytes; /* of STATIC and DYNAMIC; 0: choose */
	const char *host_nodes;   /* NUMA nodes as the kernel writes them, "0-1,3"; NULL: any */
	uint64_t keep_free_bytes; /* DYNAMIC leaves so much to the host; 0: the larger of 5 % of RAM
				   * and 512 MiB */
	uint64_t flags;           /* enum guestram_memory_flags */
	int backing;              /* enum guestram_backing */
	int node_policy;          /* enum guestram_node_policy */
	int populate;             /* enum guestram_populate */
	unsigned int threads;     /* that populate; 0: one for each CPU of the nodes */
};

/**
 * guestram_memory_create - guest RAM, mapped in this process
 * @options: copied
 * @ret: to be given to guestram_memory_destroy()
 *
 * Weighs the backings (`guestram plan` shows how), and for DYNAMIC adds the pages to the kernel's
 * pools: counted first, and refused where the host would be left with less than keep_free_bytes.
 * The pages are a lease under @name, written down in /run/guestram before the first is taken, with
 * this process as its owner. The lock on that directory is held until they are all mapped (for
 * POPULATE_BEFORE: populated), so that two users of guestram never count on the same free pages;
 * whoever waits for it more than a minute gets -ETIMEDOUT. Growing a pool obeys the cpuset of this
 * process, as the kernel has it (Documentation/admin-guide/mm/hugetlbpage.rst).
 *
 * A page that is missing is an error here and no SIGBUS: huge pages are reserved by mmap(2)
 * (Documentation/mm/hugetlbfs_reserv.rst), and populated by MADV_POPULATE_WRITE or its like. With
 * POPULATE_LATER and host_nodes a touch can still be SIGBUS, since the kernel reserves pages of the
 * host, not of a node: call guestram_memory_populate() first.
 *
 * Not for use across fork(2): only the process that created the memory gives its pages back. If it
 * ends in any other way, also by SIGKILL, the kernel frees the memory and `guestram recover` (a
 * timer, or the next user of guestram) takes the pages out of the pools.
 *
 * Return: 0. On failure everything is put back: -EINVAL (usage) for options that cannot be;
 * -EEXIST (usage) if the name is taken; -ENOMEM (host) if the host is short of memory or pages, or
 * its floor would be crossed; -EACCES, -EPERM or -EROFS (host) where DYNAMIC needs root;
 * -ETIMEDOUT (host); -E2BIG; -EIO (stranded) if not even the roll-back worked.
 */
int guestram_memory_create(struct guestram *handle, const struct guestram_memory_options *options,
			   struct guestram_memory **ret, struct guestram_error *err);

/** guestram_memory_base - where it is mapped, at a multiple of its page size. */
void *guestram_memory_base(const struct guestram_memory *memory);

/** guestram_memory_size - of the mapping, in bytes: what was asked for. */
uint64_t guestram_memory_size(const struct guestram_memory *memory);

/** guestram_memory_page_size - that was promised, in bytes; for THP that of a huge page. */
uint64_t guestram_memory_page_size(const struct guestram_memory *memory);

/** guestram_memory_backing - an enum guestram_backing, never AUTO. */
int guestram_memory_backing(const struct guestram_memory *memory);

/**
 * guestram_memory_fd - its file, for another process to map (offset 0, all of it)
 *
 * It stays the memory's: dup(2) or send it, do not close it. Who has a copy keeps the pages; they
 * leave the pool when he lets go of them.
 * Return: the descriptor (close-on-exec); -1 for memory that is not SHARED.
 */
int guestram_memory_fd(const struct guestram_memory *memory);

/**
 * guestram_memory_populate - make every page present, zeroed if it was not, and writable
 * @threads: 0: as create was told
 *
 * What is there already stays as it is. All signals are blocked in the threads.
 * Return: 0; -ENOMEM or -EFAULT (host) with how far it came.
 */
int guestram_memory_populate(struct guestram_memory *memory, unsigned int threads,
			     struct guestram_error *err);

struct guestram_verdict {
	size_t size;
	uint64_t page_size_bytes; /* that was promised */
	uint64_t got_bytes;       /* on pages of that size */
	uint64_t ram_bytes;       /* of all of it */
	int kept;                 /* 1: the promise was kept; 0: not, or not yet populated */
	int agree;                /* 1: both sources say the same; 0: they do not; -1: unknown */
	char message[256];        /* "64 MiB of 64 MiB on 2 MiB pages", or what came instead */
};

/**
 * guestram_memory_verify - what the memory is really backed with
 * @verdict: its size is set by the caller, all else by this function
 *
 * The promise is kept when all of it is present on pages of the promised size; for THP and base
 * pages, which nobody can promise in full, 90 %. Read from /proc/self/smaps (KernelPageSize,
 * Private_Hugetlb, Shared_Hugetlb, AnonHugePages: Documentation/filesystems/proc.rst) and once
 * more from the page map (Documentation/admin-guide/mm/pagemap.rst). Reading smaps walks all
 * page tables of the process: not for a hot path.
 * Return: 0, kept or not; -EINVAL if the size is none; -errno if /proc could not be read.
 */
int guestram_memory_verify(struct guestram_memory *memory, struct guestram_verdict *verdict,
			   struct guestram_error *err);

/**
 * guestram_memory_destroy - unmap, close, and give back exactly what was taken
 *
 * @memory (NULL is none) is freed in any case. Pages that another process still holds go when it
 * lets go of them. In a process that did not create it, a child of fork(2), it is unmapped only.
 * For the lock it waits longer than create, since who fails here leaves pages behind.
 * Return: 0, also if somebody else released the lease; -EIO or -ETIMEDOUT (stranded) if pages are
 * still owed to the host: then guestram_release() with its name tries again, and so does `guestram
 * recover` after the end of this process.
 */
int guestram_memory_destroy(struct guestram_memory *memory, struct guestram_error *err);

struct guestram_reserve_options {
	size_t size;
	const char *name;         /* as above; must be given */
	uint64_t size_bytes;      /* whole pages */
	uint64_t page_size_bytes; /* 0: choose */
	const char *host_nodes;   /* spread evenly over them; NULL: any */
	uint64_t keep_free_bytes; /* as above */
};

/**
 * guestram_reserve - add huge pages to the kernel's pools, all or nothing
 *
 * For memory that somebody else will map; memory of this process is better created, since any
 * process may take free pages of a pool. They stay until guestram_release(), also after the end of
 * this process, until the next boot.
 * Return: 0, and errors as guestram_memory_create() for DYNAMIC.
 */
int guestram_reserve(struct guestram *handle, const struct guestram_reserve_options *options,
		     struct guestram_error *err);

/**
 * guestram_release - give back what the lease @name took, exactly that
 * @ret_pages: pages that left the pools; may be NULL
 *
 * Pages in use at that moment go when they are let go.
 * Return: 0; -ENOENT (no) if there is no such lease; -EBUSY (no) if it is that of another process
 * that lives; -EIO (stranded); -EACCES, -ETIMEDOUT (host).
 */
int guestram_release(struct guestram *handle, const char *name, uint64_t *ret_pages,
		     struct guestram_error *err);

/**
 * guestram_recover - give back the pages of leases that nobody stands behind any more
 * @ret_pages: pages that left the pools; may be NULL
 *
 * Those whose process is gone, and those that a kill left half done. guestram_memory_create() for
 * DYNAMIC, guestram_reserve() and guestram_release() do this first.
 * Return: 0; -EIO (stranded); -EACCES, -ETIMEDOUT (host).
 */
int guestram_recover(struct guestram *handle, uint64_t *ret_pages, struct guestram_error *err);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU command line: what it asks for (qemu_argv.c, qemu_backend.c, qemu_needs.c) and the same
 * line with our memory put in (qemu_rewrite.c). Needs come in a fixed order: guest cells by their
 * number (or the whole guest), then memory devices, then objects that nobody refers to but that
 * take pages all the same. Sources say, need by need, where on the line it came from.
 */
#ifndef GR_GUEST_QEMU_ARGV_H
#define GR_GUEST_QEMU_ARGV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "guest/argv.h"
#include "guest/notes.h"
#include "guest/request.h"

#define GR_QEMU_ITEMS_MAX 512			    /* objects and memory devices, of each */
#define GR_QEMU_DEFAULT_BYTES (UINT64_C(128) << 20) /* without -m */

enum gr_qemu_kind {
	GR_QEMU_RAM,   /* memory-backend-ram */
	GR_QEMU_MEMFD, /* memory-backend-memfd */
	GR_QEMU_FILE,  /* memory-backend-file */
	GR_QEMU_SHM,   /* memory-backend-shm */
	GR_QEMU_EPC,   /* memory-backend-epc: SGX, never RAM */
	GR_QEMU_KIND_COUNT
};

enum gr_qemu_use {
	GR_QEMU_UNUSED, /* nobody refers to it */
	GR_QEMU_WHOLE,	/* -machine memory-backend= */
	GR_QEMU_CELL,	/* -numa node,memdev= */
	GR_QEMU_DIMM,	/* -device pc-dimm,memdev= */
	GR_QEMU_OTHER,	/* ivshmem, NVDIMM, virtio-mem ...: not for us to replace */
};

/* A memory-backend-* object. */
struct gr_qemu_backend {
	char *id;
	enum gr_qemu_kind kind;
	enum gr_qemu_use use;
	size_t word; /* index in argv of its description */
	uint64_t size_bytes;
	uint64_t hugetlbsize_bytes; /* 0: not said */
	bool hugetlb;
	bool share;
	bool prealloc;
	bool prealloc_given; /* so -mem-prealloc does not count */
	bool data;	/* pmem, read-only or at an offset: its content matters, not its pages */
	char *mem_path; /* or NULL */
	struct gr_list host_nodes;
	enum gr_node_policy policy;
};

struct gr_qemu_cell {
	unsigned int id;
	size_t word;
	char *memdev;	    /* or NULL */
	uint64_t mem_bytes; /* legacy mem=, valid with has_mem */
	bool has_mem;
};

/* A device that takes memory from an object. */
struct gr_qemu_device {
	char *driver;
	char *memdev;
	int guest_node; /* -1: not said */
};

/* Where a need stands on the command line. */
struct gr_qemu_source {
	int backend;	      /* index in backends; -1: no object yet, the rewrite adds one */
	int cell;	      /* index in cells; -1: none */
	bool hugetlb;	      /* of the default size, so page_size_bytes is 0 */
	const char *mem_path; /* file that was asked for: its file system tells the page size */
};

struct gr_qemu {
	char **argv; /* a copy */
	size_t argc;
	struct gr_request request;
	struct gr_qemu_source *sources; /* [i] for request.needs[i] */
	struct gr_notes notes;

	uint64_t memory_bytes;	   /* RAM at start, without memory devices */
	uint64_t max_memory_bytes; /* maxmem=; 0: not given */
	bool memory_given;	   /* by -m or -machine memory.size= */
	unsigned int vcpus;	   /* -smp; 1 by default */
	char *machine;		   /* type; NULL: QEMU's default */
	char *accel;		   /* the first accelerator named; NULL: default */
	char *pidfile;
	char *mem_path;	   /* -mem-path */
	bool mem_prealloc; /* -mem-prealloc */
	bool daemonize;	   /* the child forks and goes: its pid is not the VM's */
	bool incoming;
	bool free_page_reporting;
	bool unknown_config; /* -readconfig, -set, -preconfig: parts that we cannot see */

	struct gr_qemu_backend *backends;
	size_t backend_count;
	struct gr_qemu_cell *cells;
	size_t cell_count;
	struct gr_qemu_device *devices;
	size_t device_count;
	char **object_ids; /* of all objects, for names that are still free */
	size_t object_id_count;
	char *memory_backend;	  /* -machine memory-backend= */
	bool memory_from_machine; /* memory_bytes is -machine memory.size=, which -m overrides */
};

/** gr_qemu_is - does the program look like QEMU (qemu-system-*, qemu-kvm, kvm)? */
bool gr_qemu_is(const char *program);

/**
 * gr_qemu_parse - read a command line
 * @argv: NULL-terminated, argv[0] the program; copied
 *
 * Mistakes on the line are notes, all of them at once, not errors of this function.
 * Return: 0, -EINVAL (no words), -E2BIG or -ENOMEM. Free with gr_qemu_free().
 */
int gr_qemu_parse(char *const *argv, struct gr_qemu **ret, struct gr_error *err);
void gr_qemu_free(struct gr_qemu *qemu);

static inline void gr_qemu_freep(struct gr_qemu **qemu)
{
	gr_qemu_free(*qemu);
}
#define _cleanup_qemu_ __attribute__((cleanup(gr_qemu_freep)))

/**
 * gr_qemu_default_page_size - tell what "hugetlb=on" without a size means on this host
 *
 * Fills page_size_bytes of those needs and checks them as the others were.
 * Return: 0 or -ENOMEM.
 */
int gr_qemu_default_page_size(struct gr_qemu *qemu, uint64_t bytes);

/* What a need gets instead of what stands on the line. */
struct gr_qemu_backing {
	int fd;			       /* RAM that we hold; -1: QEMU allocates it itself */
	uint64_t size_bytes;	       /* of @fd: at least the need's; not used with fd -1 */
	bool share;		       /* has to be for an @fd that we populated */
	bool prealloc;		       /* QEMU touches all of it */
	unsigned int prealloc_threads; /* 0: not said */
	const char *host_nodes;	       /* "0-1"; NULL or "": none (@fd is bound already) */
	enum gr_node_policy policy;    /* of host_nodes; DEFAULT counts as bind then */
};

/**
 * gr_qemu_rewrite - the command line with other memory
 * @backings: one per need, in their order
 *
 * Every word that does not describe memory stays byte for byte. An object keeps its id and the
 * keys that have nothing to do with where its pages come from. A guest without an object gets
 * "guestramN" (or with another suffix, where the name is taken). -mem-path and -mem-prealloc go.
 * Return: 0; -EINVAL (a fatal note, or backings that do not fit), -ENOMEM. Free with
 * gr_argv_free().
 */
int gr_qemu_rewrite(const struct gr_qemu *qemu, const struct gr_qemu_backing *backings,
		    size_t count, char ***ret_argv, struct gr_error *err);

#endif

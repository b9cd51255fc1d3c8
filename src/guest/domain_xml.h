/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A libvirt domain (its XML) as what it asks for. Judge of every answer is libvirt's own
 * translation into QEMU arguments: one need per guest cell (or for the whole guest), then one per
 * memory device that takes RAM, in the order in which libvirt would make objects for them. The need
 * of a virtio-mem device is what is requested of it, not what it may grow to.
 * Reading is pure: what depends on the host (the size of a base page and of a default huge page)
 * is filled in by gr_domain_page_sizes().
 */
#ifndef GR_GUEST_DOMAIN_XML_H
#define GR_GUEST_DOMAIN_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "guest/request.h"

#define GR_DOMAIN_NAMESPACE "urn:guestram:domain:1"
#define GR_DOMAIN_TEXT_MAX (UINT64_C(16) << 20) /* bytes of a document that we read */
#define GR_DOMAIN_DEPTH_MAX 256			/* elements inside each other, as libxml2 has it */
#define GR_DOMAIN_ELEMENTS_MAX 200000
#define GR_DOMAIN_PROBLEMS_MAX 64 /* what would follow is dropped */
#define GR_DOMAIN_ITEMS_MAX 1024  /* cells, pages, memory devices, policy keys; of each */
#define GR_DOMAIN_UNLIMITED UINT64_MAX

enum gr_domain_source {
	GR_SOURCE_NONE, /* not said */
	GR_SOURCE_FILE,
	GR_SOURCE_ANONYMOUS,
	GR_SOURCE_MEMFD,
	GR_SOURCE_COUNT
};

enum gr_domain_access { GR_ACCESS_NONE, GR_ACCESS_SHARED, GR_ACCESS_PRIVATE, GR_ACCESS_COUNT };

enum gr_domain_allocation {
	GR_ALLOCATION_NONE,
	GR_ALLOCATION_IMMEDIATE,
	GR_ALLOCATION_ONDEMAND,
	GR_ALLOCATION_COUNT
};

enum gr_domain_answer { GR_ANSWER_NONE, GR_ANSWER_YES, GR_ANSWER_NO, GR_ANSWER_COUNT };

/*
 * How hard a host node set binds. "restrictive" gives QEMU no policy: its pages then come from the
 * cpuset of the emulator, so such a need has the nodes of <numatune><memory>, bound.
 */
enum gr_domain_mode {
	GR_MODE_NONE,
	GR_MODE_STRICT,
	GR_MODE_PREFERRED,
	GR_MODE_INTERLEAVE,
	GR_MODE_RESTRICTIVE,
	GR_MODE_COUNT
};

enum gr_domain_security {
	GR_SECURITY_NONE,
	GR_SECURITY_SEV,
	GR_SECURITY_SEV_SNP,
	GR_SECURITY_TDX,
	GR_SECURITY_S390_PV,
	GR_SECURITY_OTHER, /* a type that we do not know */
	GR_SECURITY_COUNT
};

enum gr_domain_model {
	GR_MODEL_OTHER,
	GR_MODEL_DIMM,
	GR_MODEL_NVDIMM,
	GR_MODEL_VIRTIO_MEM,
	GR_MODEL_VIRTIO_PMEM,
	GR_MODEL_SGX_EPC,
	GR_MODEL_COUNT
};

enum gr_domain_severity {
	GR_DOMAIN_HINT,	   /* worth knowing */
	GR_DOMAIN_WARNING, /* starts, and hurts later or is not what was meant */
	GR_DOMAIN_ERROR,   /* libvirt or QEMU would refuse, or we cannot do it */
};

struct gr_domain_problem {
	char code[8]; /* GR430 ..., stable */
	enum gr_domain_severity severity;
	unsigned long line; /* 1 is the first; 0: of no line */
	char *message;
};

struct gr_domain_page { /* <hugepages><page> */
	uint64_t size_bytes;
	bool has_nodes;
	struct gr_list guest_nodes;
	unsigned long line;
};

struct gr_domain_cell { /* <cpu><numa><cell> */
	unsigned int id;
	char *cpus; /* as written, or NULL */
	uint64_t memory_bytes;
	enum gr_domain_access access;
	enum gr_domain_answer discard;
	unsigned long line;
};

struct gr_domain_memnode { /* <numatune><memnode>, or <memory> with cell -1 */
	int cell;
	enum gr_domain_mode mode;
	struct gr_list host_nodes;
	bool has_nodes;
	bool automatic; /* placement='auto': libvirt asks numad */
	unsigned long line;
};

struct gr_domain_device { /* <devices><memory> */
	enum gr_domain_model model;
	enum gr_domain_access access;
	enum gr_domain_answer discard;
	uint64_t size_bytes, requested_bytes, current_bytes, block_bytes, label_bytes;
	uint64_t page_size_bytes; /* <source><pagesize>; 0: not given */
	uint64_t align_bytes;
	int guest_node; /* -1: not given */
	char *path;	/* file or device behind NVDIMM and virtio-pmem */
	bool readonly, pmem;
	struct gr_list host_nodes;
	unsigned long line;
};

/* What a need is beside its struct gr_need. */
struct gr_domain_need {
	bool hugetlb; /* huge pages; with page_size_bytes 0 those of the default size */
	int device;   /* index in devices; -1: guest RAM */
	enum gr_domain_source kind;   /* FILE, MEMFD, or ANONYMOUS for memory-backend-ram */
	enum gr_domain_access access; /* of the device, its cell or all; NONE: nobody said */
	enum gr_domain_mode mode;
	bool prealloc;	    /* QEMU touches all of it at start */
	bool discard;	    /* discard-data=on */
	unsigned long line; /* of the cell, the device, or <memory> */
};

/* memtune: 0 not given, GR_DOMAIN_UNLIMITED no limit. */
struct gr_domain_limits {
	uint64_t hard_bytes, soft_bytes, swap_hard_bytes, min_guarantee_bytes;
};

/* An attribute of our element in <metadata>, raw: "backing" = "dynamic". */
struct gr_domain_policy {
	char *key;
	char *value;
	unsigned long line;
};

struct gr_domain {
	char *name;    /* NULL: not given */
	char *uuid;    /* NULL: not given */
	char type[32]; /* "kvm", "qemu", "xen" ... */
	char *arch;    /* NULL: not given */
	char *machine;
	unsigned int vcpus; /* 0: not given */

	uint64_t memory_bytes;	       /* <memory>: all of it, memory devices included */
	uint64_t current_memory_bytes; /* <currentMemory>; memory_bytes where not given */
	uint64_t max_memory_bytes;     /* <maxMemory>; 0: not given */
	unsigned int memory_slots;
	unsigned long memory_line;
	uint64_t initial_bytes; /* RAM at start without memory devices */

	struct gr_request request;
	struct gr_domain_need *needs; /* [i] for request.needs[i] */

	bool hugepages; /* asked for; with no pages[] those of the host's default size */
	struct gr_domain_page *pages;
	size_t page_count;
	enum gr_domain_source source;
	enum gr_domain_access access;
	enum gr_domain_allocation allocation;
	unsigned int allocation_threads; /* 0: not given */
	bool discard, locked, nosharepages;
	struct gr_domain_limits limits;

	struct gr_domain_cell *cells; /* by id */
	size_t cell_count;
	struct gr_domain_memnode numatune; /* cell -1; mode NONE: not given */
	struct gr_domain_memnode *memnodes;
	size_t memnode_count;
	struct gr_domain_device *devices;
	size_t device_count;

	enum gr_domain_security security;
	unsigned int vfio_devices;	 /* PCI and mdev host devices, VFIO: all RAM is pinned */
	unsigned int virtiofs_devices;	 /* another process maps the RAM */
	unsigned int vhost_user_devices; /* the same */
	unsigned int vhost_user_disks;	 /* of those: libvirt refuses them without shared memory */
	bool balloon, free_page_reporting, autodeflate;
	bool qemu_args; /* qemu:commandline has memory options, which are not read */
	bool automatic; /* the host nodes are chosen by numad at the start */

	struct gr_domain_policy *policies;
	size_t policy_count;
	struct gr_domain_problem *problems; /* by line */
	size_t problem_count;
	unsigned int seen; /* for the reader: elements that count only once */
};

/**
 * gr_domain_parse - read a domain's XML, inactive or live (also inside <domstatus>)
 * @text: any bytes; neither terminated nor trusted. No DTD and no entities are allowed in it.
 *
 * Mistakes of the domain are problems, all at once, and no errors of this function.
 * Return: 0; -EINVAL (no XML, or no domain), -E2BIG (a limit above), -ENOMEM. Free with
 * gr_domain_free().
 */
int gr_domain_parse(const char *text, size_t len, struct gr_domain **ret, struct gr_error *err);
void gr_domain_free(struct gr_domain *domain);

static inline void gr_domain_freep(struct gr_domain **domain)
{
	gr_domain_free(*domain);
}
#define _cleanup_domain_ __attribute__((cleanup(gr_domain_freep)))

/**
 * gr_domain_has_interest - could this document ask for huge pages, or name us?
 *
 * A scan for words, without parsing; it may say yes too often ("hugepages" in a title), but never
 * no too often. Bytes in UTF-16 are always of interest.
 */
bool gr_domain_has_interest(const char *bytes, size_t len);

/**
 * gr_domain_page_sizes - tell what page sizes mean on this host
 * @base_bytes: a "huge" page of this size is ordinary memory, as libvirt has it
 * @default_bytes: size of huge pages where none is named; 0: unknown
 *
 * Fills page_size_bytes of the needs and checks that cells are whole pages. Call once.
 * Return: 0 or -ENOMEM.
 */
int gr_domain_page_sizes(struct gr_domain *domain, uint64_t base_bytes, uint64_t default_bytes);

/**
 * gr_domain_memlock_bytes - the locked-memory limit that libvirt gives QEMU
 *
 * Return: bytes; GR_DOMAIN_UNLIMITED; 0: libvirt sets none.
 */
uint64_t gr_domain_memlock_bytes(const struct gr_domain *domain);

/** gr_domain_has_problem - is there a problem with that code? */
bool gr_domain_has_problem(const struct gr_domain *domain, const char *code);

/** gr_domain_error - the first problem of severity ERROR, class usage. Return: -EINVAL, or 0. */
int gr_domain_error(const struct gr_domain *domain, struct gr_error *err);

const char *gr_domain_source_name(enum gr_domain_source source); /* "none", "file", ... */
const char *gr_domain_access_name(enum gr_domain_access access); /* "none", "shared", ... */
const char *gr_domain_allocation_name(enum gr_domain_allocation allocation);
const char *gr_domain_mode_name(enum gr_domain_mode mode);
const char *gr_domain_security_name(enum gr_domain_security security); /* "none", "sev", ... */
const char *gr_domain_model_name(enum gr_domain_model model);	       /* "dimm", ... */
const char *gr_domain_severity_name(enum gr_domain_severity severity);

#endif

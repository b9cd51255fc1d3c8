/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's own word on its memory, over its monitor (QMP). Only questions are asked.
 */
#ifndef GR_VERIFY_QMP_H
#define GR_VERIFY_QMP_H

#include <sys/types.h>

#include "base/error.h"
#include "base/list.h"
#include "verify/verify.h"

struct gr_qmp_memdev {
	char *id; /* or NULL */
	uint64_t size_bytes;
	bool share, prealloc;
	struct gr_list host_nodes;
	char *policy; /* or NULL */
};

enum gr_told { GR_NOT_TOLD, GR_TOLD_NO, GR_TOLD_YES };

struct gr_qmp_facts {
	unsigned int major, minor; /* of QEMU */
	char *name;		   /* or NULL: it has none */
	enum gr_told kvm;	   /* no: another accelerator, so there is no second stage */
	int stats_error;	   /* 0; -EOPNOTSUPP: QEMU before 7.1; -ENODATA: no such counts */
	struct gr_stage2 stage2;
	struct gr_qmp_memdev *memdevs;
	size_t memdev_count;
	struct gr_slot *slots; /* guest RAM; host addresses are of QEMU */
	size_t slot_count;
	enum gr_told dirty_log; /* yes: pages are tracked one by one, so KVM maps them small */
	char why_dirty[32];	/* "migration is active" */
};

/**
 * gr_qmp_ask - ask a QEMU about its memory
 * @path: its QMP socket, of the running host
 * @pid: of that QEMU; a socket that another process listens on is refused
 *
 * Each answer may take two seconds, all together ten. What QEMU does not know stays unknown.
 * Return: 0; -EPERM (class usage): another process's socket; -EBUSY (class host): no answer, since
 * a monitor has one client at a time; -EBADMSG: it does not speak QMP; -errno of the socket. Free
 * with gr_qmp_facts_free().
 */
int gr_qmp_ask(const char *path, pid_t pid, struct gr_qmp_facts **ret, struct gr_error *err);
void gr_qmp_facts_free(struct gr_qmp_facts *facts);

static inline void gr_qmp_facts_freep(struct gr_qmp_facts **facts)
{
	gr_qmp_facts_free(*facts);
}
#define _cleanup_qmp_facts_ __attribute__((cleanup(gr_qmp_facts_freep)))

/**
 * gr_inspection_add_qmp - put what QEMU said into an inspection: slots, counts and what follows
 *
 * Takes @facts over, also on failure. Return: 0 or -ENOMEM.
 */
int gr_inspection_add_qmp(struct gr_inspection *inspection, struct gr_qmp_facts *facts);

#endif

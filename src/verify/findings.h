/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is worth saying about a VM's memory beyond the figures. Pure. The codes are stable: scripts
 * match them, texts may change.
 */
#ifndef GR_VERIFY_FINDINGS_H
#define GR_VERIFY_FINDINGS_H

#include "host/host.h"
#include "verify/verify.h"

#define GR_FINDING_NOT_RECOGNISED "GR301" /* no guest RAM: the large mappings are shown instead */
#define GR_FINDING_HUGE_BYTES "GR302"     /* smaps and the page map disagree on huge pages */
#define GR_FINDING_PRESENT_BYTES "GR303"  /* smaps and the page map disagree on present pages */
#define GR_FINDING_ONE_ORACLE "GR304"     /* the page map could not be read */
#define GR_FINDING_NODES_UNKNOWN "GR305"  /* numa_maps could not be read */
#define GR_FINDING_SHMEM_THP_OFF "GR306"  /* shared memory, shmem_enabled off: no huge pages */
#define GR_FINDING_PRIVATE_FILE "GR307"   /* private mapping of a memory file: up to twice the pages */
#define GR_FINDING_NX_SPLIT "GR308"       /* kvm.nx_huge_pages splits in the second stage */
#define GR_FINDING_SURPLUS "GR309"        /* pages of its pool are surplus: no leak */
#define GR_FINDING_NOT_MAPPED "GR310"     /* pages that the file has and the VMM has not touched */
#define GR_FINDING_SWAPPED "GR311"        /* guest RAM is in swap */
#define GR_FINDING_STAGE2_UNKNOWN "GR312" /* KVM's page counts say nothing */
#define GR_FINDING_ON_DISK "GR313"        /* guest RAM is a file on a disk, not on hugetlbfs */
#define GR_FINDING_UNSETTLED "GR314"      /* memory moves too fast to compare the sources */
#define GR_FINDING_EXACT_UNKNOWN "GR315"  /* folios were asked for and could not be looked at */

/* Of the second stage (stage2_judge.c). */
#define GR_FINDING_DIRTY_LOG "GR320"      /* pages are tracked one by one: the second stage is small */
#define GR_FINDING_MISALIGNED "GR321"     /* guest and host addresses differ modulo a page size */
#define GR_FINDING_STAGE2_SMALLER "GR322" /* the second stage has smaller pages than the host */
#define GR_FINDING_STAGE2_HOST "GR323"    /* small in the second stage since small on the host */

/** gr_finding_add - one more. Return: 0 or -ENOMEM. */
int gr_finding_add(struct gr_inspection *inspection, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** gr_finding_drop - none of that code any more. */
void gr_finding_drop(struct gr_inspection *inspection, const char *code);

/** gr_nx_splits - is kvm.nx_huge_pages on? */
bool gr_nx_splits(const struct gr_host *host);

/** gr_findings_make - fill findings of an inspection that is complete otherwise.
 * @stage2_error: what gr_stage2_read() returned. Return: 0 or -ENOMEM. */
int gr_findings_make(const struct gr_host *host, int stage2_error,
		     struct gr_inspection *inspection);

#endif

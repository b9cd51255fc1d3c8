/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The doctor: from a message, a log, a description of a VM, or just the host, to findings with
 * cause, numbers and remedy. Reads only, and takes no lock. Codes are explained in
 * guestram-doctor(7): GR1xx causes of a failure, GR23x and GR24x the host as it is, GR4xx what a
 * description says, GR5xx the ledger.
 */
#ifndef GR_DOCTOR_DOCTOR_H
#define GR_DOCTOR_DOCTOR_H

#include "doctor/evidence.h"
#include "doctor/log.h"
#include "plan/plan.h"

struct gr_doctor_input {
	const struct gr_log *log;	/* of a message or a log, or NULL */
	const struct gr_intent *intent; /* may be unknown */
	struct gr_floor floor;
};

/**
 * gr_doctor - explain
 * @host: an inventory read before with GR_READ_ALL, taken over; or a pointer to NULL
 *
 * With neither log nor intent the host is checked against its VMs, leases and boot line.
 * Return: 0 or -errno. Free with gr_diagnoses_done().
 */
int gr_doctor(const struct gr_root *root, struct gr_host **host,
	      const struct gr_doctor_input *input, struct gr_diagnoses *ret, struct gr_error *err);

/** gr_doctor_host - checks of the host alone, from evidence. Adds to @found. */
void gr_doctor_host(const struct gr_evidence *ev, const struct gr_floor *floor,
		    struct gr_diagnoses *found);

#endif
